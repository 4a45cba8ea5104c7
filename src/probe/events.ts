/** Kubernetes Events on the RedisSentinel (or Redis): what the probe did, or cannot do, where `kubectl describe` shows it. */
import type { Logger } from 'pino'
import { API_VERSION, REDIS_SENTINEL } from '../api/group.ts'
import type { ApiClient } from './api-client.ts'

export type EventReason =
  /** The master label was given to another pod. */
  | 'MasterChanged'
  /** A second master that the majority does not name was made a replica. */
  | 'ZombieDemoted'
  /** A master whose pod is being deleted, or whose promotion no sentinel knows, was succeeded by plan. */
  | 'HandedOver'
  /** A replica was pointed at the new master. */
  | 'ReplicaRepointed'
  /** The master is proven dead: a sentinel was told to promote a replica at once. */
  | 'FailoverForced'
  /** The same when the sentinels have not acted for long, perhaps for want of a majority. */
  | 'LastResortPromotion'
  /** A script blocked the master for longer than busy-reply-threshold and was ended. */
  | 'ScriptKilled'
  /** A person wants a master that is no redis pod of this cluster. */
  | 'SwitchoverImpossible'
  /** A redis that is no pod of this cluster follows its master, and the sentinels may promote it. */
  | 'StrangerReplica'
  /** A redis that is not this pod's answers at a pod's IP: the pod's node may be lost, and its IP was given to another pod. */
  | 'ForeignRedis'
  /** A volume claim was made larger, as the spec asks. */
  | 'VolumeGrows'
  /** The API server does not let a volume claim grow: its class does not allow it, or it is not bound yet. */
  | 'VolumeNotGrown'
  /** A Secret that the spec names is not there, or lacks what it is for; what was read before stays in force. */
  | 'SecretUnusable'
  /** The Secret for applications is not as it should be. */
  | 'BindingNotWritten'
  /** For longer than a failover takes no master could be confirmed. */
  | 'NoMaster'

export interface Subject {
  /** RedisSentinel if left out. */
  readonly kind?: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

export type PublishEvent = (subject: Subject, reason: EventReason, message: string) => void

const COMPONENT = 'sentinel-probe'
const WARNINGS: readonly EventReason[] = [
  'ZombieDemoted', 'LastResortPromotion', 'ScriptKilled', 'SwitchoverImpossible', 'StrangerReplica', 'ForeignRedis', 'VolumeNotGrown', 'SecretUnusable', 'BindingNotWritten', 'NoMaster',
]
/** The same thing said again within this time says nothing new. */
const SILENCE_MS = 60_000
const DEADLINE_MS = 5000
/** More that wait for their turn tell nobody anything in time: the API server takes none, and memory is for other things. */
const MAX_WAITING = 1000

export function createEventPublisher (api: ApiClient, log: Logger, identity: string): PublishEvent {
  const said = new Map<string, number>()
  let waiting = 0

  return (subject, reason, message) => {
    const now = performance.now()
    const key = `${subject.uid} ${reason} ${message}`
    for (const [old, at] of said) if (now - at > SILENCE_MS) said.delete(old)
    if (said.has(key)) return
    if (waiting >= MAX_WAITING) return
    said.set(key, now)
    waiting += 1
    if (waiting === MAX_WAITING) log.warn({ waiting }, 'too many events wait, the next ones are dropped')
    const body = eventOf(subject, reason, message, identity)
    // Nothing waits for an Event.
    api.request('POST', `/api/v1/namespaces/${subject.namespace}/events`, { lane: 'event', body, deadlineMs: DEADLINE_MS })
      .catch((err: unknown) => log.warn({ err, reason }, 'event not published'))
      .finally(() => { waiting -= 1 })
  }
}

/** Of what was thrown, for a person. */
export function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function eventOf (subject: Subject, reason: EventReason, message: string, identity: string): object {
  const { kind = REDIS_SENTINEL.kind, namespace, name, uid } = subject
  const time = new Date().toISOString().replace(/\.\d+/, '')
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { generateName: `${name.slice(0, 200)}-`, namespace },
    involvedObject: { apiVersion: API_VERSION, kind, namespace, name, uid },
    reason,
    message,
    type: WARNINGS.includes(reason) ? 'Warning' : 'Normal',
    source: { component: COMPONENT },
    reportingComponent: COMPONENT,
    reportingInstance: identity,
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  }
}
