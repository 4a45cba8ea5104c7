/** Names of the children, made from the parent's name and safe at any length (RFC 1123). */
import { createHash } from 'node:crypto'

/**
 * A StatefulSet puts "<name>-<10 characters>" into the label controller-revision-hash, which holds 63 characters: 52 for
 * "<prefix>-sentinel". So every child shares one prefix of at most 43 characters.
 */
const MAX_PREFIX = 43
const HASH = 8

/** The volume of a pod's data, and the template of its claim. */
export const DATA = 'data'

/** The `<cr>` of all child names and the `name` label: the parent's name, or its head and a hash of the whole. */
export function parentPrefix (name: string): string {
  if (name.length <= MAX_PREFIX) return name
  const head = name.slice(0, MAX_PREFIX - HASH - 1).replace(/-+$/, '')
  return `${head}-${hash('sha256', name).slice(0, HASH)}`
}

export function podName (statefulSet: string, ordinal: number): string {
  return `${statefulSet}-${ordinal}`
}

/** The claim that a StatefulSet makes for one of its pods, from the template `data`. */
export function claimName (statefulSet: string, ordinal: number): string {
  return `${DATA}-${podName(statefulSet, ordinal)}`
}

/** The ordinal of a StatefulSet's pod or of its Service; undefined when the name does not end in one. */
export function ordinalOf (name: string): number | undefined {
  const match = /-(\d+)$/.exec(name)
  return match ? Number(match[1]) : undefined
}

/** Fixed for a pod's whole life, so that a sentinel that lost its state is still itself (sentinel.md 1.4): 40 hex characters. */
export function sentinelId (namespace: string, name: string, ordinal: number): string {
  return hash('sha1', `${namespace}/${name}/${ordinal}`)
}

/** Tells one RedisSentinel's processes from all others', also one of the same name that was made anew: 64 hex characters. No secret. */
export function clusterIdentity (namespace: string, name: string, uid: string | undefined): string {
  return hash('sha256', `${uid ?? ''}/${namespace}/${name}`)
}

export function hash (algorithm: 'sha1' | 'sha256', text: string): string {
  return createHash(algorithm).update(text).digest('hex')
}

/** Names of everything that belongs to a Redis. */
export function redisNames (name: string) {
  const prefix = parentPrefix(name)
  return {
    prefix,
    statefulSet: `${prefix}-redis`,
    service: `${prefix}-svc`,
    headless: `${prefix}-headless`,
    exporter: `${prefix}-exporter`,
    config: `${prefix}-config`,
    state: `${prefix}-state`,
    networkPolicy: `${prefix}-redis`,
    binding: `${prefix}-binding`,
    secretAccess: `${prefix}-sentinel-probe`,
  } as const
}

/** Names of everything that belongs to a RedisSentinel. */
export function redisSentinelNames (name: string) {
  const prefix = parentPrefix(name)
  const part = (component: 'redis' | 'sentinel') => ({
    statefulSet: `${prefix}-${component}`,
    service: `${prefix}-${component}`,
    headless: `${prefix}-${component}-headless`,
    config: `${prefix}-${component}-config`,
    podDisruptionBudget: `${prefix}-${component}`,
    networkPolicy: `${prefix}-${component}`,
  } as const)
  return { prefix, master: `${prefix}-redis-master`, redis: part('redis'), sentinel: part('sentinel'), state: `${prefix}-state`, secretAccess: `${prefix}-sentinel-probe`, binding: `${prefix}-binding` } as const
}
