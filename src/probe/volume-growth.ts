/**
 * Volume claims follow a grown spec.storage.size, of both kinds: the templates in a StatefulSet cannot change, the claims can, where
 * their class allows it. Never shrinks one, and leaves the claims of removed ordinals alone.
 */
import type { Logger } from 'pino'
import { GROUP, REDIS, REDIS_SENTINEL, VERSION } from '../api/group.ts'
import type { Storage } from '../api/kubernetes.ts'
import { RedisSentinelSpec } from '../api/redis-sentinel.ts'
import { RedisSpec } from '../api/redis.ts'
import { canonicalQuantity, isLess } from '../metadata/canonical.ts'
import type { Component } from '../metadata/labels.ts'
import { claimName, redisNames, redisSentinelNames } from '../metadata/names.ts'
import type { ApiClient } from './api-client.ts'
import type { PublishEvent } from './events.ts'
import { type KubeObject, startReflector, type Stored } from './reflector.ts'
import { startWakeable } from './wakeable.ts'

export interface VolumeGrowthOptions {
  readonly api: ApiClient
  readonly log: Logger
  /** Empty: all. */
  readonly namespace: string
  readonly mayAct: () => boolean
  readonly now: () => number
  readonly publishEvent: PublishEvent
}

export interface VolumeGrowth {
  readonly wake: () => void
  readonly stop: () => void
}

interface Wish extends Stored {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly statefulSet: string
  readonly replicas: number
  readonly size: string
}

interface Claim extends Stored {
  readonly requested: string
}

/** Of both kinds; the sentinels' claims never grow. */
const COMPONENT: Component = 'redis'
const DEADLINE_MS = 5000
/** A class may be changed to allow growth. */
const RETRY_MS = 60_000

export function startVolumeGrowth (options: VolumeGrowthOptions): VolumeGrowth {
  const { api, log, namespace, mayAct, now, publishEvent } = options
  const refusedAt = new Map<string, number>()
  const scope = namespace === '' ? '' : `/namespaces/${namespace}`

  async function run (): Promise<number> {
    for (const [key, at] of refusedAt) if (now() - at >= RETRY_MS) refusedAt.delete(key)
    if (mayAct()) for (const wish of parents.wishes.values()) await grow(wish)
    return RETRY_MS
  }

  async function grow (wish: Wish): Promise<void> {
    const names = Array.from({ length: wish.replicas }, (_, ordinal) => claimName(wish.statefulSet, ordinal))
    for (const name of names) {
      const claim = claims.get(`${wish.namespace}/${name}`)
      if (claim && isLess(claim.requested, wish.size) && !refusedAt.has(refusal(wish, name))) await resize(wish, name, claim)
    }
  }

  async function resize (wish: Wish, name: string, claim: Claim): Promise<void> {
    const path = `/api/v1/namespaces/${wish.namespace}/persistentvolumeclaims/${name}`
    const body = [
      { op: 'test', path: '/metadata/resourceVersion', value: claim.resourceVersion },
      { op: 'add', path: '/spec/resources/requests/storage', value: wish.size },
    ]
    try {
      claims.put(await api.request('PATCH', path, { body, contentType: 'application/json-patch+json', deadlineMs: DEADLINE_MS, mayStart: mayAct }))
      log.info({ namespace: wish.namespace, claim: name, size: wish.size }, 'volume claim grows')
      publishEvent(wish, 'VolumeGrows', `${name} grows from ${claim.requested} to ${wish.size}`)
    } catch (err) {
      refusedAt.set(refusal(wish, name), now())
      log.warn({ err, namespace: wish.namespace, claim: name, size: wish.size }, 'volume claim does not grow')
      publishEvent(wish, 'VolumeNotGrown', `${name} stays at ${claim.requested} instead of ${wish.size}: ${err instanceof Error ? err.message : String(err)}`)
    }
  }

  const loop = startWakeable({ run, onError: (err) => { log.error({ err }, 'volumes not looked at'); return RETRY_MS } })
  const claims = startReflector<Claim>({
    api,
    log,
    path: `/api/v1${scope}/persistentvolumeclaims`,
    labelSelector: `component=${COMPONENT}`,
    trim: trimClaim,
    onChange: () => loop.wake(),
  })
  const parents = followParents({ api, log, scope, onChange: loop.wake })
  return {
    wake: loop.wake,
    stop: () => { for (const one of [claims, parents, loop]) one.stop() },
  }
}

interface ParentsOptions extends Pick<VolumeGrowthOptions, 'api' | 'log'> {
  readonly scope: string
  readonly onChange: () => void
}

function followParents ({ api, log, scope, onChange }: ParentsOptions) {
  const wishes = new Map<string, Wish>()
  const follow = (plural: string, trim: (object: Parent, before: Wish | undefined) => Wish | undefined) => startReflector<Wish>({
    api,
    log,
    path: `/apis/${GROUP}/${VERSION}${scope}/${plural}`,
    trim,
    onChange: (key, after) => {
      if (after) wishes.set(`${plural} ${key}`, after)
      else wishes.delete(`${plural} ${key}`)
      onChange()
    },
  })
  const reflectors = [follow(REDIS.plural, trimRedis), follow(REDIS_SENTINEL.plural, trimRedisSentinel)]
  return { wishes, stop: () => { for (const one of reflectors) one.stop() } }
}

/** Another size may be tried at once. */
function refusal ({ namespace, size }: Wish, name: string): string {
  return `${namespace}/${name} ${size}`
}

const RedisWish = RedisSpec.pick({ storage: true, paused: true })
const RedisSentinelWish = RedisSentinelSpec.pick({ storage: true, redisReplicas: true, paused: true })

type Parent = KubeObject & { readonly spec?: unknown }

function trimRedis (object: Parent, before: Wish | undefined): Wish | undefined {
  const spec = RedisWish.safeParse(object.spec)
  if (!spec.success || (spec.data.paused && before)) return before
  const { statefulSet } = redisNames(object.metadata.name)
  return wishOf(object, spec.data.storage, { kind: REDIS.kind, statefulSet, replicas: 1 })
}

function trimRedisSentinel (object: Parent, before: Wish | undefined): Wish | undefined {
  const spec = RedisSentinelWish.safeParse(object.spec)
  if (!spec.success || (spec.data.paused && before)) return before
  const { statefulSet } = redisSentinelNames(object.metadata.name).redis
  return wishOf(object, spec.data.storage, { kind: REDIS_SENTINEL.kind, statefulSet, replicas: spec.data.redisReplicas })
}

/** A folder of the node has no size. */
function wishOf ({ metadata }: Parent, { hostPath, size }: Storage, rest: Pick<Wish, 'kind' | 'statefulSet' | 'replicas'>): Wish | undefined {
  if (hostPath !== undefined) return undefined
  const { namespace = '', name, uid = '', resourceVersion = '' } = metadata
  return { namespace, name, uid, resourceVersion, size: canonicalQuantity(size), ...rest }
}

interface ClaimObject extends KubeObject {
  readonly spec?: { readonly resources?: { readonly requests?: Readonly<Record<string, string>> } }
  readonly status?: { readonly phase?: string }
}

/** Only a bound claim can grow. */
function trimClaim ({ metadata, spec, status }: ClaimObject): Claim | undefined {
  const requested = spec?.resources?.requests?.['storage']
  if (requested === undefined || status?.phase !== 'Bound') return undefined
  return { resourceVersion: metadata.resourceVersion ?? '', requested }
}
