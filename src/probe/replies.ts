/** Replies of redis and sentinel, parsed at the border; undefined when a reply has not the shape that Redis documents. */
import type { Process, ReplicaLink, Replication, SentinelAnswer, Vote } from './observation.ts'

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

/** INFO replication of a replica; -1 for what it does not say. Only it knows how much the replica has while its link is down. */
export function parseReplication (info: string): Replication & { offset: number } {
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? -1)
  return {
    history: parseHistory(info), offset: field('slave_repl_offset'), unlinkedSeconds: field('master_link_down_since_seconds'), priority: field('slave_priority'),
  }
}

export function parseHistory (info: string): string | undefined {
  return /^master_replid:([0-9a-f]+)/m.exec(info)?.[1]
}

/** CONFIG GET name: [name, value]. */
export function parseSetting (reply: unknown): string | undefined {
  const value = Array.isArray(reply) ? (reply as unknown[])[1] : undefined
  return typeof value === 'string' ? value : undefined
}

/** SENTINEL IS-MASTER-DOWN-BY-ADDR: [down, leader or "*", epoch]. */
export function parseVote (reply: unknown): Vote | undefined {
  if (!Array.isArray(reply)) return undefined
  const [, leader, epoch] = reply as unknown[]
  return typeof leader === 'string' && leader !== '*' && leader !== '?' ? { leader, epoch: Number(epoch) } : undefined
}

/** SENTINEL CKQUORUM: "OK 3 usable Sentinels. ...", or an error that says what is missing. */
export function parseQuorum (reply: unknown): string | null | undefined {
  const text = reply instanceof Error ? reply.message : String(reply)
  if (text.startsWith('OK ')) return null
  return text.startsWith('NOQUORUM') ? text : undefined
}

function fieldsOf (flat: readonly unknown[]): (name: string) => string | undefined {
  const fields = new Map<unknown, unknown>()
  // a value may be a field's name: that of the master is chosen by the user
  for (let i = 0; i + 1 < flat.length; i += 2) fields.set(flat[i], flat[i + 1])
  return (name) => fields.has(name) ? String(fields.get(name)) : undefined
}

/** GET-MASTER-ADDR-BY-NAME: [ip, port]; SENTINEL MASTER: a flat list (RESP2) or a map flattened by ioredis (RESP3). */
export function parseSentinelAnswer (address: unknown, master: unknown, vote: unknown): SentinelAnswer | undefined {
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
    subjectivelyDown: flags.includes('s_down'),
    // its run id is known from the first answer on
    quietMs: field('runid') ? Number(field('last-ok-ping-reply') ?? Infinity) : Infinity,
    configEpoch: Number(field('config-epoch') ?? 0),
    vote: parseVote(vote),
  }
}
