/** Replies of redis and sentinel, parsed at the border; undefined when a reply has not the shape that Redis documents. */
import type { Process, ReplicaLink, SentinelAnswer } from './observation.ts'

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

/** GET-MASTER-ADDR-BY-NAME: [ip, port]; SENTINEL MASTER: a flat list (RESP2) or a map flattened by ioredis (RESP3). */
export function parseSentinelAnswer (address: unknown, master: unknown): SentinelAnswer | undefined {
  if (!Array.isArray(address) || !Array.isArray(master)) return undefined
  const [named] = address as unknown[]
  const field = (name: string) => {
    const at = master.indexOf(name)
    return at >= 0 && at % 2 === 0 ? String(master[at + 1]) : undefined
  }
  const monitored = field('ip')
  if (typeof named !== 'string' || monitored === undefined) return undefined
  return {
    named,
    monitored,
    failingOver: (field('flags') ?? '').split(',').includes('failover_in_progress'),
    configEpoch: Number(field('config-epoch') ?? 0),
  }
}
