// cluster.env: the cluster's members and values for the scripts in the pods, which source it as shell text.

export type AuthMode = 'open' | 'required'

export interface Topology {
  readonly masterName: string
  readonly redisPort: number
  readonly sentinelPort: number
  /** Announced addresses, by ordinal. */
  readonly redisAddresses: readonly string[]
  readonly sentinelAddresses: readonly string[]
  /** Forty hexadecimal digits each, by ordinal. */
  readonly sentinelIds: readonly string[]
  readonly quorum: number
  readonly downAfterMilliseconds: number
  readonly failoverTimeout: number
  /** A master that hears no majority of the sentinels for this long takes no writes. */
  readonly fenceMilliseconds: number
  /** min-replicas-to-write of a master that may write. */
  readonly minReplicas: number
  /** preStop waits for a handover, in seconds. */
  readonly handoverSeconds: number
  /** Of clusterIdentity: what the passwords of the operator's own users are made from. */
  readonly identity: string
  /** Announced address of the last known master; left out before there was one. */
  readonly lastMaster?: string | undefined
  /** open: passwords are used and not wanted yet, since there are pods without one. Left out: there is none. */
  readonly auth?: AuthMode | undefined
  /** For redis-cli in the scripts, such as those of tlsCliFlags. */
  readonly redisCliFlags?: readonly string[]
}

const address = /^[0-9A-Fa-f:.]+$/
const name = /^[\w.-]+$/
const id = /^[0-9a-f]{40}$/
const number = /^[1-9]\d*$/
const count = /^\d+$/
const hex = /^[0-9a-f]+$/
const mode = /^(open|required)$/
const flag = /^[\w./:=-]+$/

export function clusterEnv (topology: Topology): string {
  return [
    line('MASTER_NAME', name, topology.masterName),
    line('REDIS_PORT', number, String(topology.redisPort)),
    line('SENTINEL_PORT', number, String(topology.sentinelPort)),
    line('REDIS_ADDRESSES', address, ...topology.redisAddresses),
    line('SENTINEL_ADDRESSES', address, ...topology.sentinelAddresses),
    line('SENTINEL_IDS', id, ...topology.sentinelIds),
    line('QUORUM', number, String(topology.quorum)),
    line('DOWN_AFTER_MILLISECONDS', number, String(topology.downAfterMilliseconds)),
    line('FAILOVER_TIMEOUT', number, String(topology.failoverTimeout)),
    line('FENCE_MILLISECONDS', number, String(topology.fenceMilliseconds)),
    line('MIN_REPLICAS', count, String(topology.minReplicas)),
    line('HANDOVER_SECONDS', number, String(topology.handoverSeconds)),
    line('IDENTITY', hex, topology.identity),
    line('LAST_MASTER', address, ...(topology.lastMaster === undefined ? [] : [topology.lastMaster])),
    line('AUTH', mode, ...(topology.auth === undefined ? [] : [topology.auth])),
    line('REDIS_CLI_FLAGS', flag, ...(topology.redisCliFlags ?? [])),
    '',
  ].join('\n')
}

// The patterns leave no character that ends the quotes, so no value can become a command.
function line (key: string, pattern: RegExp, ...words: readonly string[]): string {
  const wrong = words.find((word) => !pattern.test(word))
  if (wrong !== undefined) throw new TypeError(`${key} cannot be ${JSON.stringify(wrong)}`)
  return `${key}='${words.join(' ')}'`
}
