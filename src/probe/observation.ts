/**
 * What one look at a cluster found: everything `decide` may know, and nothing else. Addresses are announced ones (the
 * ClusterIP of the pod's own Service), as redis and the sentinels name them; times are of the process's monotonic clock, in ms.
 */

/** What a redis process answered to ROLE, or what is known of one that did not answer. */
export type Process =
  | { readonly kind: 'master', readonly offset: number, readonly replicas: readonly ReplicaLink[] }
  /** The offset is what it has of the stream; final while the link is down. */
  | { readonly kind: 'slave', readonly master: string, readonly link: string, readonly offset: number, readonly priority?: number | undefined }
  /** Proven: nothing listens on the pod's own IP, the kubelet reports the container ended, or the pod has no IP yet. */
  | { readonly kind: 'dead', readonly cause: 'ConnectionRefused' | 'ContainerTerminated' | 'NotStarted' }
  /** A script runs for longer than busy-reply-threshold: it answers nothing else, and writes when the script ends. */
  | { readonly kind: 'busy' }
  /** No answer in time. Proves nothing: it may be writable (design 5.4). */
  | { readonly kind: 'unknown' }

/** The replica-priority of all that are synchronized. redis-start.sh sets another one, which tells how old the data is. */
export const USUAL_PRIORITY = 100
/** Of the replica that is to take over by plan; redis-ready.sh leaves it alone. */
export const PREFERRED_PRIORITY = 50

export interface ReplicaLink {
  readonly address: string
  readonly offset: number
}

/**
 * Leaving: the pod has a deletionTimestamp (deletion, eviction, rolling update, scaling down). Gone: the last master's pod was
 * deleted by force and is no object any more, but its process may still run.
 */
export type Presence = 'Present' | 'Leaving' | 'Gone'

export interface RedisView {
  readonly pod: string
  readonly uid: string
  /** Undefined while the pod's Service was not seen yet. */
  readonly address: string | undefined
  readonly presence: Presence
  /** The value of its role label. */
  readonly label: string | undefined
  readonly process: Process
  /** When this probe first saw the present, unbroken ROLE master. */
  readonly masterSince: number | undefined
  /** The master whose stream this process was last seen connected to; forgotten when the process dies. */
  readonly followed: string | undefined
  /** Its replica-priority, when it was seen; sentinels look at it before they look at the offset. */
  readonly priority: number | undefined
  /** When the probe saw or set that; sentinels know it a second later. */
  readonly prioritySince: number | undefined
  /** Of the process; undefined until it is known. Of two equal replicas sentinels take the one with the lower one. */
  readonly runId: string | undefined
  /** Of its StatefulSet, as the pod was made from it: another one than the master's is the newer one when the master is being replaced. */
  readonly revision: string | undefined
}

export interface SentinelAnswer {
  /** GET-MASTER-ADDR-BY-NAME: names the new master from +promoted-slave on. */
  readonly named: string
  /** The ip of SENTINEL MASTER: until +switch-master still the old one. */
  readonly monitored: string
  readonly failingOver: boolean
  /** A quorum found the master down: the sentinels are about to fail over by themselves. */
  readonly objectivelyDown: boolean
  readonly configEpoch: number
  /** The words of SENTINEL CKQUORUM when it cannot reach a quorum, null when it can; undefined when it has not told. */
  readonly noQuorum?: string | null | undefined
}

export interface SentinelView {
  readonly pod: string
  readonly uid: string
  readonly ordinal: number
  readonly answer: SentinelAnswer | undefined
  /** The connection stands: without an answer in this look it may still answer the next question. */
  readonly isConnected: boolean
  /** The pod's annotation: what was noted of its quorum. */
  readonly note?: string | undefined
}

export interface Observation extends Memory {
  /** No answer in here was asked for earlier than this. */
  readonly startedAt: number
  /** The number in the spec, not the number that answers: the majority is one of the configured sentinels. */
  readonly sentinelReplicas: number
  /** From the spec as well, the master among them. */
  readonly redisReplicas: number
  readonly downAfterMilliseconds: number
  readonly failoverTimeout: number
  /** The redis pod that a person wants as master. */
  readonly wanted: string | undefined
  readonly redis: readonly RedisView[]
  readonly sentinels: readonly SentinelView[]
}

/** What a look has to know of the looks before it. */
export interface Memory {
  /** The last master that this probe confirmed or found labelled; its pod may be gone. */
  readonly lastMaster: LastMaster | undefined
  /** Since when every look found the last master proven dead, and nobody in its place. */
  readonly vacantSince: number | undefined
  /** The last forced failover that this probe asked for. */
  readonly asked: AskedFailover | undefined
  /** Since when every look found the last master's pod leaving. */
  readonly leavingSince: number | undefined
  /** The master whose writes this probe has paused to hand it over. */
  readonly paused: PausedMaster | undefined
}

/**
 * PodLeaves: the master's pod is being deleted. Switchover: a person wants another master. NotPublished: a promotion that no sentinel
 * knows any more, for the one that made it is gone.
 */
export type HandoverReason = 'PodLeaves' | 'Switchover' | 'NotPublished'

export interface PausedMaster {
  readonly uid: string
  readonly reason: HandoverReason
  /** When CLIENT PAUSE had been answered. */
  readonly from: number
  /** It takes writes again at this time at the earliest. */
  readonly until: number
}

export interface LastMaster {
  readonly uid: string
  readonly address: string
}

export interface AskedFailover {
  /** The master that was to be replaced, as the sentinel names it. */
  readonly address: string
  /** The uid of the sentinel's pod. */
  readonly sentinel: string
  readonly at: number
  readonly answer: FailoverAnswer
}

/** What SENTINEL FAILOVER answered. Lost: no answer, or one that nobody knows; it may have been accepted. */
export type FailoverAnswer = 'Accepted' | 'InProgress' | 'NoGoodReplica' | 'Lost'

/** A sentinel beyond the configured number is being scaled away and has no vote. */
export function voters ({ sentinels, sentinelReplicas }: Observation): readonly SentinelView[] {
  return sentinels.filter(({ ordinal }) => ordinal < sentinelReplicas)
}

export function answersOf (seen: Observation): readonly SentinelAnswer[] {
  return voters(seen).flatMap(({ answer }) => answer ?? [])
}

/** The address that more than half of the configured sentinels name. */
export function namedByMajority (seen: Observation): string | undefined {
  const votes = new Map<string, number>()
  for (const { named } of answersOf(seen)) votes.set(named, (votes.get(named) ?? 0) + 1)
  return [...votes].find(([, count]) => count * 2 > seen.sentinelReplicas)?.[0]
}
