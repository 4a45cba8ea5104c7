/**
 * What one look at a cluster found: everything `decide` may know, and nothing else. Addresses are announced ones (the
 * ClusterIP of the pod's own Service), as redis and the sentinels name them; times are of the process's monotonic clock, in ms.
 */

/** What a redis process answered to ROLE, or what is known of one that did not answer. */
export type Process =
  | { readonly kind: 'master', readonly offset: number, readonly replicas: readonly ReplicaLink[] }
  | { readonly kind: 'slave', readonly master: string, readonly link: string, readonly offset: number }
  /** Proven: nothing listens on the pod's own IP, or the kubelet reports the container ended. */
  | { readonly kind: 'dead', readonly cause: 'ConnectionRefused' | 'ContainerTerminated' }
  /** No answer in time. Proves nothing: it may be writable (design 5.4). */
  | { readonly kind: 'unknown' }

export interface ReplicaLink {
  readonly address: string
  readonly offset: number
}

export interface RedisView {
  readonly pod: string
  readonly uid: string
  /** Undefined while the pod's Service was not seen yet. */
  readonly address: string | undefined
  /** The value of its role label. */
  readonly label: string | undefined
  readonly process: Process
  /** When this probe first saw the present, unbroken ROLE master. */
  readonly masterSince: number | undefined
  /** The master whose stream this process was last seen connected to; forgotten when the process dies. */
  readonly followed: string | undefined
}

export interface SentinelAnswer {
  /** GET-MASTER-ADDR-BY-NAME: names the new master from +promoted-slave on. */
  readonly named: string
  /** The ip of SENTINEL MASTER: until +switch-master still the old one. */
  readonly monitored: string
  readonly failingOver: boolean
  readonly configEpoch: number
}

export interface SentinelView {
  readonly pod: string
  readonly ordinal: number
  readonly answer: SentinelAnswer | undefined
}

export interface Observation {
  /** No answer in here was asked for earlier than this. */
  readonly startedAt: number
  /** The number in the spec, not the number that answers: the majority is one of the configured sentinels. */
  readonly sentinelReplicas: number
  readonly redis: readonly RedisView[]
  readonly sentinels: readonly SentinelView[]
  /** The last master that this probe confirmed or found labelled; its pod may be gone. */
  readonly lastMaster: LastMaster | undefined
}

export interface LastMaster {
  readonly uid: string
  readonly address: string
}
