/** Replies of redis and sentinel, parsed at the border; undefined when a reply has not the shape that Redis documents. */
import type { FailoverAnswer, Process, ReplicaLink, SentinelAnswer } from './observation.ts'

/** ROLE: ["master", offset, [[ip, port, offset]...]] or ["slave", ip, port, state, offset]. */
export function parseRole (reply: unknown): Process | undefined {
  if (!Array.isArray(reply)) return undefined
  const [role, second, third, fourth, fifth] = reply as unknown[]
  if (role === 'master' && Array.isArray(third)) {
    return { kind: 'master', offset: Number(second), replicas: third.flatMap(parseReplica) }
  }
  if (role === 'slave' && typeof second === 'string' && typeof fourth === 'string') {
    return { kind: 'slave', master: second, link: fourth, offset: Number(fifth) }
  }
  return undefined
}

function parseReplica (entry: unknown): ReplicaLink[] {
  if (!Array.isArray(entry)) return []
  const [address, , offset] = entry as unknown[]
  return typeof address === 'string' ? [{ address, offset: Number(offset) }] : []
}

/** While the link is down ROLE says -1, and only INFO replication knows how much the replica has, and its replica-priority. */
export function parseReplicaInfo (info: string): { offset: number, priority: number | undefined } {
  const field = (name: string) => new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]
  const priority = field('slave_priority')
  return { offset: Number(field('slave_repl_offset') ?? -1), priority: priority === undefined ? undefined : Number(priority) }
}

/** INFO server. */
export function parseRunId (info: string): string | undefined {
  return /^run_id:(\w+)/m.exec(info)?.[1]
}

/** CONFIG GET replica-priority: ["replica-priority", "100"]. */
export function parsePriority (reply: unknown): number | undefined {
  const value = Array.isArray(reply) ? Number((reply as unknown[])[1]) : NaN
  return Number.isNaN(value) ? undefined : value
}

/** The reply to SENTINEL FAILOVER, or its error. */
export function parseFailoverAnswer (reply: unknown): FailoverAnswer {
  const text = reply instanceof Error ? reply.message : String(reply)
  if (text === 'OK') return 'Accepted'
  if (text.startsWith('INPROG')) return 'InProgress'
  return text.startsWith('NOGOODSLAVE') ? 'NoGoodReplica' : 'Lost'
}

/** SENTINEL CKQUORUM: "OK 3 usable Sentinels. ...", or an error that says what is missing. */
export function parseQuorum (reply: unknown): string | null | undefined {
  const text = reply instanceof Error ? reply.message : String(reply)
  if (text.startsWith('OK ')) return null
  return text.startsWith('NOQUORUM') ? text : undefined
}

/** What a sentinel knows of a replica. */
export interface ReplicaFigures {
  readonly address: string
  readonly offset: number
  readonly priority: number
  readonly runId: string
  /** Age of all these, in ms. */
  readonly age: number
  /** Whether it would be promoted at all: connected, answering, with a priority (sentinel.c, sentinelSelectSlave). */
  readonly isEligible: boolean
}

const UNFIT = ['s_down', 'o_down', 'disconnected']
/** Five times sentinel's ping period. */
const SILENT_MS = 5000

/** SENTINEL REPLICAS: a list of flat lists, like SENTINEL MASTER. */
export function parseReplicas (reply: unknown): ReplicaFigures[] {
  return (Array.isArray(reply) ? reply as unknown[] : []).filter(Array.isArray).map((entry) => {
    const field = fieldsOf(entry)
    return {
      address: field('ip') ?? '',
      offset: Number(field('slave-repl-offset')),
      priority: Number(field('slave-priority')),
      runId: field('runid') ?? '',
      age: Number(field('info-refresh')),
      isEligible: Number(field('slave-priority')) !== 0 && Number(field('last-ok-ping-reply') ?? 0) <= SILENT_MS &&
        !(field('flags') ?? '').split(',').some((flag) => UNFIT.includes(flag)),
    }
  })
}

function fieldsOf (flat: readonly unknown[]): (name: string) => string | undefined {
  return (name) => {
    const at = flat.indexOf(name)
    return at >= 0 && at % 2 === 0 ? String(flat[at + 1]) : undefined
  }
}

/** GET-MASTER-ADDR-BY-NAME: [ip, port]; SENTINEL MASTER: a flat list (RESP2) or a map flattened by ioredis (RESP3). */
export function parseSentinelAnswer (address: unknown, master: unknown): SentinelAnswer | undefined {
  if (!Array.isArray(address) || !Array.isArray(master)) return undefined
  const [named] = address as unknown[]
  const field = fieldsOf(master)
  const monitored = field('ip')
  if (typeof named !== 'string' || monitored === undefined) return undefined
  const flags = (field('flags') ?? '').split(',')
  return {
    named,
    monitored,
    failingOver: flags.includes('failover_in_progress'),
    objectivelyDown: flags.includes('o_down'),
    configEpoch: Number(field('config-epoch') ?? 0),
  }
}
