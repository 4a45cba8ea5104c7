/** Both kinds as far as their volume claims and their binding Secrets are concerned. */
import type { Logger } from 'pino'
import { GROUP, REDIS, REDIS_SENTINEL, VERSION } from '../api/group.ts'
import { RedisSentinelSpec } from '../api/redis-sentinel.ts'
import { RedisSpec } from '../api/redis.ts'
import { canonicalQuantity } from '../metadata/canonical.ts'
import type { App } from '../metadata/labels.ts'
import { redisNames, redisSentinelNames } from '../metadata/names.ts'
import type { ApiClient } from './api-client.ts'
import { REDIS_PORT } from './redis-link.ts'
import { type KubeObject, startReflector, type Stored } from './reflector.ts'
import { SENTINEL_PORT } from './sentinel-link.ts'

/** Of the master Service (src/redis-sentinel/services.ts). */
const MASTER_PORT = 6378

export interface ParentFacts extends Stored {
  readonly app: App
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly prefix: string
  readonly statefulSet: string
  readonly replicas: number
  /** Of each claim; undefined: a folder of the node. */
  readonly size: string | undefined
  /** The Secret that applications want; undefined: none. */
  readonly binding: BindingFacts | undefined
}

export interface BindingFacts {
  readonly secret: string
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly authSecret: string | undefined
  /** Of a RedisSentinel. */
  readonly sentinel: { readonly host: string, readonly port: number, readonly masterName: string } | undefined
}

export interface ParentsOptions {
  readonly api: ApiClient
  readonly log: Logger
  /** Empty: all. */
  readonly namespace: string
  readonly onChange: () => void
}

export interface Parents {
  readonly all: () => Iterable<ParentFacts>
  readonly stop: () => void
}

export function followParents ({ api, log, namespace, onChange }: ParentsOptions): Parents {
  const facts = new Map<string, ParentFacts>()
  const scope = namespace === '' ? '' : `/namespaces/${namespace}`
  const follow = (plural: string, trim: Trim) => startReflector<ParentFacts>({
    api,
    log,
    path: `/apis/${GROUP}/${VERSION}${scope}/${plural}`,
    trim,
    onChange: (key, after) => {
      if (after) facts.set(`${plural} ${key}`, after)
      else facts.delete(`${plural} ${key}`)
      onChange()
    },
  })
  const reflectors = [follow(REDIS.plural, trimRedis), follow(REDIS_SENTINEL.plural, trimRedisSentinel)]
  return { all: () => facts.values(), stop: () => { for (const one of reflectors) one.stop() } }
}

/** Only what is read: a mistake elsewhere in the spec changes nothing here, a mistake in these keeps the last good ones. */
const ReadRedis = RedisSpec.pick({ storage: true, paused: true, binding: true, auth: true, tls: true })
const ReadRedisSentinel = RedisSentinelSpec.pick({
  storage: true, redisReplicas: true, paused: true, binding: true, auth: true, tls: true, masterName: true,
})

type Parent = KubeObject & { readonly spec?: unknown }
type Trim = (object: Parent, before: ParentFacts | undefined) => ParentFacts | undefined

function trimRedis (object: Parent, before: ParentFacts | undefined): ParentFacts | undefined {
  const { success, data: spec } = ReadRedis.safeParse(object.spec)
  if (!success || (spec.paused && before)) return before
  const { prefix, statefulSet, service, binding } = redisNames(object.metadata.name)
  const { namespace = '' } = object.metadata
  return {
    ...common(object, spec),
    app: 'redis',
    kind: REDIS.kind,
    prefix,
    statefulSet,
    replicas: 1,
    binding: spec.binding?.enable
      ? { secret: binding, host: `${service}.${namespace}.svc`, port: REDIS_PORT, ...secured(spec), sentinel: undefined }
      : undefined,
  }
}

function trimRedisSentinel (object: Parent, before: ParentFacts | undefined): ParentFacts | undefined {
  const { success, data: spec } = ReadRedisSentinel.safeParse(object.spec)
  if (!success || (spec.paused && before)) return before
  const { prefix, redis, sentinel, master, binding } = redisSentinelNames(object.metadata.name)
  const inside = (service: string) => `${service}.${object.metadata.namespace}.svc`
  return {
    ...common(object, spec),
    app: 'redis-sentinel',
    kind: REDIS_SENTINEL.kind,
    prefix,
    statefulSet: redis.statefulSet,
    replicas: spec.redisReplicas,
    binding: spec.binding?.enable
      ? {
          secret: binding,
          host: inside(master),
          port: MASTER_PORT,
          ...secured(spec),
          sentinel: { host: inside(sentinel.service), port: SENTINEL_PORT, masterName: spec.masterName },
        }
      : undefined,
  }
}

type Common = Pick<ParentFacts, 'namespace' | 'name' | 'uid' | 'resourceVersion' | 'size'>

function common ({ metadata }: Parent, { storage }: Pick<RedisSpec, 'storage'>): Common {
  const { namespace = '', name, uid = '', resourceVersion = '' } = metadata
  return { namespace, name, uid, resourceVersion, size: storage.hostPath === undefined ? canonicalQuantity(storage.size) : undefined }
}

function secured ({ tls, auth }: Pick<RedisSpec, 'tls' | 'auth'>): Pick<BindingFacts, 'tls' | 'authSecret'> {
  return { tls: tls !== undefined, authSecret: auth?.secretName }
}
