/**
 * The times of a failover that depend on each other, in milliseconds, in one place. The probe imports them; the scripts in the pods
 * get them through cluster.env. docs/adr/0003 says why they fit together:
 *
 *   pause < down-after           a paused master answers no sentinel, and must not look dead to them
 *   fence < down-after           a master that is cut off takes no writes before the other side can elect another one
 *   pod's wait > probe's start   preStop must not end before the probe has begun to hand over
 */

const LONGEST_PAUSE_MS = 3000
const LONGEST_FENCE_MS = 3000
/** Of down-after. The rest is for the scripts' round and for a command on its way. */
const FENCE_SHARE = 0.6

/** How long the writes of a master may wait while it is handed over. */
export function pauseMs (downAfterMilliseconds: number): number {
  return Math.min(LONGEST_PAUSE_MS, Math.floor(downAfterMilliseconds / 2))
}

/** How long a master may hear no majority of the sentinels until it takes no writes. */
export function fenceMs (downAfterMilliseconds: number): number {
  return Math.min(LONGEST_FENCE_MS, Math.floor(downAfterMilliseconds * FENCE_SHARE))
}

/**
 * How many replicas must have acknowledged within three seconds (min-replicas-max-lag) for a master to take writes. Two pods could not
 * write while one of them is away, so from three on; from five on a master with a minority of the pods is stopped by this as well.
 */
export function minReplicas (redisReplicas: number): number {
  if (redisReplicas >= 5) return Math.floor(redisReplicas / 2)
  return redisReplicas >= 3 ? 1 : 0
}

/** preStop gives a handover this long, in seconds. Without a probe SIGTERM alone loses nothing, but it takes longer. */
export const HANDOVER_SECONDS = 13

/**
 * kube-proxy applies changes at most once a second. A deletion is one, and in a rolling update there was another one just before: the two
 * take up to two seconds. A label that is written sooner waits for the rest of them, without a master, while the leaving one could still
 * serve its clients. preStop waits longer.
 */
export const KUBE_PROXY_MS = 2200

/**
 * A pod that was deleted by force has lost its endpoint already; kube-proxy's next turn is a second later, and should find the new label.
 * Clients that are connected go on meanwhile. The process lives for at least 1.6 s (the kubelet gives preStop a second; docs/failover.md).
 */
export const KUBE_PROXY_FORCED_MS = 500
