/** What the probe reads of a RedisSentinel. Pure. */
import { RedisSentinelSpec } from '../api/redis-sentinel.ts'
import { SWITCHOVER_ANNOTATION } from '../metadata/labels.ts'
import type { KubeObject, Stored } from './reflector.ts'

export interface ClusterFacts extends Stored {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly redisReplicas: number
  readonly sentinelReplicas: number
  readonly masterName: string
  readonly downAfterMilliseconds: number
  readonly failoverTimeout: number
  /** The Secrets with the password and with the certificate. */
  readonly authSecret: string | undefined
  readonly tlsSecret: string | undefined
  /** The redis pod that a person wants as master. */
  readonly wanted: string | undefined
}

/** Only what the probe reads: an unrelated mistake elsewhere in the spec does not stop it, a mistake here keeps the last good one. */
const ReadSpec = RedisSentinelSpec.pick({
  redisReplicas: true,
  sentinelReplicas: true,
  masterName: true,
  downAfterMilliseconds: true,
  failoverTimeout: true,
  auth: true,
  tls: true,
  paused: true,
})

type Read = Omit<ClusterFacts, 'namespace' | 'name' | 'uid' | 'resourceVersion' | 'wanted'>
type Object = KubeObject & { readonly spec?: unknown, readonly status?: { readonly redisReady?: string, readonly sentinelReady?: string } }

export function trimCluster (object: Object, before: ClusterFacts | undefined): ClusterFacts | undefined {
  const { name, namespace = '', uid = '', resourceVersion = '', deletionTimestamp, annotations = {} } = metadataOf(object)
  if (deletionTimestamp !== undefined) return undefined
  const read = readSpec(object, before)
  return read && { ...read, namespace, name, uid, resourceVersion, wanted: annotations[SWITCHOVER_ANNOTATION] || undefined }
}

/** While it is paused what was before is what runs; a probe that has not seen it has at least the numbers, which the hook writes. */
function readSpec ({ spec, status = {} }: Object, before: ClusterFacts | undefined): Read | undefined {
  const { success, data } = ReadSpec.safeParse(spec)
  if (!success || (data.paused && before)) return before
  const { masterName, downAfterMilliseconds, failoverTimeout, auth, tls } = data
  return {
    redisReplicas: (data.paused && wantedOf(status.redisReady)) || data.redisReplicas,
    sentinelReplicas: (data.paused && wantedOf(status.sentinelReady)) || data.sentinelReplicas,
    masterName,
    downAfterMilliseconds,
    failoverTimeout,
    authSecret: auth?.secretName,
    tlsSecret: tls?.secretName,
  }
}

/** Of "2/3". */
function wantedOf (ready: string | undefined): number {
  return Number(ready?.split('/')[1] ?? 0)
}

interface Metadata extends NonNullable<KubeObject['metadata']> {
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string | undefined>>
  readonly annotations?: Readonly<Record<string, string | undefined>>
}

export function metadataOf (object: KubeObject): Metadata {
  return object.metadata
}
