/**
 * What one look at a cluster found: everything `decide` may know, and nothing else. Addresses are announced ones (the
 * ClusterIP of the pod's own Service), as redis and the sentinels name them; times are of the process's monotonic clock, in ms.
 */

/** What a redis process answered to ROLE, or what is known of one that did not answer. */
export type Process =
  | { readonly kind: 'master', readonly offset: number, readonly replicas: readonly ReplicaLink[], readonly history?: string | undefined }
  /** The offset is what it has of the stream, final while the link is down; unlinkedSeconds is -1 while it is up. */
  | { readonly kind: 'slave', readonly master: string, readonly link: string, readonly offset: number } & Replication
  /** Proven: nothing listens on the pod's own IP, the kubelet reports the container ended, or the pod has no IP yet. */
  | { readonly kind: 'dead', readonly cause: 'ConnectionRefused' | 'ContainerTerminated' | 'NotStarted' }
  /** A script runs for longer than busy-reply-threshold: it answers nothing else, and writes when the script ends. */
  | { readonly kind: 'busy' }
  /** No answer in time, or from a process that has not proven to be this pod's. Proves nothing: it may be writable. */
  | { readonly kind: 'unknown' }

/** What INFO replication tells of a replica. */
export interface Replication {
  /** Its replication id (master_replid), also of a master: offsets of two histories cannot be compared. */
  readonly history?: string | undefined
  readonly unlinkedSeconds?: number
  readonly priority?: number
}

/** What a master follows that has abdicated: nothing listens on port 1 there, so nothing is copied. */
export const NOWHERE = '127.0.0.1'

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
  /** As the process itself announces it, or as its Service has it; undefined while neither is known. */
  readonly address: string | undefined
  readonly presence: Presence
  /** The value of its role label. */
  readonly label: string | undefined
  readonly process: Process
  /** When this probe first saw the present, unbroken ROLE master. */
  readonly masterSince: number | undefined
  /** The master whose stream this process was last seen connected to; forgotten when the process dies. */
  readonly followed: string | undefined
  /** Since when it has not answered; undefined while it does, or is dead. */
  readonly silentSince: number | undefined
  /** Since when it has not been in its master's stream, by its own answers; undefined while it is. */
  readonly unlinkedSince: number | undefined
  /** Its last connection was refused, once: perhaps a death, and the proof follows. */
  readonly isRefusing: boolean
  /** The address that a redis at this pod's IP announces, when it is not this pod's: it is not believed, and told nothing. */
  readonly stranger?: string | undefined
  /** Of its StatefulSet, as the pod was made from it: another one than the master's is the newer one when the master is being replaced. */
  readonly revision: string | undefined
}

export interface SentinelAnswer {
  /** GET-MASTER-ADDR-BY-NAME: names the new master from +promoted-slave on. */
  readonly named: string
  /** The ip of SENTINEL MASTER: until +switch-master still the old one. */
  readonly monitored: string
  readonly failingOver: boolean
  /** This sentinel finds the master down. */
  readonly subjectivelyDown: boolean
  /** For how many ms the master that it monitors has answered no PING of it; Infinity when it has never reached that one. */
  readonly quietMs: number
  readonly configEpoch: number
  /** Whom it voted for last, since its last switch of the master: the leader of an election that nobody has published. */
  readonly vote: Vote | undefined
  /** The words of SENTINEL CKQUORUM when it cannot reach a quorum, null when it can; undefined when it has not told. */
  readonly noQuorum?: string | null | undefined
}

export interface Vote {
  /** A sentinel's id, or a probe's. */
  readonly leader: string
  readonly epoch: number
}

export interface SentinelView {
  readonly pod: string
  readonly uid: string
  readonly ordinal: number
  /** Forty hexadecimal digits. */
  readonly id: string
  /** The announced one. */
  readonly address: string | undefined
  readonly answer: SentinelAnswer | undefined
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
  /** May this probe promote, and not only follow? */
  readonly mayElect: boolean
  readonly redis: readonly RedisView[]
  readonly sentinels: readonly SentinelView[]
}

/** What a look has to know of the looks before it. */
export interface Memory {
  /** The last master that this probe confirmed or found labelled; its pod may be gone. */
  readonly lastMaster: LastMaster | undefined
  /** When a look last found a master, or a majority of the sentinels heard it. */
  readonly masterAt: number | undefined
  /** How much the last master had written by then, oldest first: one mark that is older than STALE_MS, and the newer ones. */
  readonly marks: readonly Mark[]
  /** Since when every look found the last master proven dead, and nobody in its place. */
  readonly vacantSince: number | undefined
  /** The last election that this probe held. */
  readonly election: HeldElection | undefined
  /** The unpublished vote for a sentinel that is out of sight, and since when it was seen. */
  readonly rival: (Vote & { readonly since: number }) | undefined
  /** Since when every look found the last master's pod leaving. */
  readonly leavingSince: number | undefined
  /** The master whose writes this probe has paused to hand it over. */
  readonly paused: PausedMaster | undefined
}

/** PodLeaves: the master's pod is being deleted. Switchover: a person wants another master. */
export type HandoverReason = 'PodLeaves' | 'Switchover'

export interface PausedMaster {
  readonly uid: string
  readonly reason: HandoverReason
  /** When CLIENT PAUSE had been answered. */
  readonly from: number
  /** It takes writes again at this time at the earliest. */
  readonly until: number
}

export interface Mark {
  readonly at: number
  readonly offset: number
  readonly history?: string | undefined
  /** The uid of the master's pod. */
  readonly of: string
}

export interface LastMaster {
  readonly uid: string
  readonly address: string
}

export interface HeldElection {
  readonly epoch: number
  /** The master that was to be succeeded. */
  readonly predecessor: string
  readonly at: number
  readonly outcome: ElectionOutcome
  /** Elections in a row that failed, this one included. */
  readonly failures: number
}

/**
 * Accepted: a majority names the successor. NotElected: no majority of votes, or a sentinel fails over by itself. NotPromoted: the
 * successor did not answer, or too late. NotDemoted: the living predecessor did not follow. NotPublished: the successor is master and
 * too few sentinels took the hello. Overtaken: this probe may act no more.
 */
export type ElectionOutcome = 'Accepted' | 'NotElected' | 'NotPromoted' | 'NotDemoted' | 'NotPublished' | 'Overtaken'

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
  return [...votes].find(([, count]) => isMajority(count, seen))?.[0]
}

export function isMajority (count: number, { sentinelReplicas }: Pick<Observation, 'sentinelReplicas'>): boolean {
  return count * 2 > sentinelReplicas
}

/** A majority of the configured sentinels finds that master down. */
export function isFoundDown (seen: Observation, address: string): boolean {
  const down = answersOf(seen).filter(({ monitored, subjectivelyDown }) => subjectivelyDown && monitored === address)
  return isMajority(down.length, seen)
}
