/**
 * Volume claims follow a grown spec.storage.size, of both kinds: the templates in a StatefulSet cannot change, the claims can, where
 * their class allows it. Never shrinks one, and leaves the claims of removed ordinals alone.
 */
import type { Logger } from 'pino'
import { isLess } from '../metadata/canonical.ts'
import type { Component } from '../metadata/labels.ts'
import { claimName } from '../metadata/names.ts'
import type { ApiClient } from './api-client.ts'
import { messageOf, type PublishEvent } from './events.ts'
import type { ParentFacts, Parents } from './parents.ts'
import { type KubeObject, startReflector, type Stored } from './reflector.ts'
import { startWakeable } from './wakeable.ts'

export interface VolumeGrowthOptions {
  readonly api: ApiClient
  readonly log: Logger
  /** Empty: all. */
  readonly namespace: string
  readonly parents: Pick<Parents, 'all'>
  readonly mayAct: () => boolean
  readonly now: () => number
  readonly publishEvent: PublishEvent
}

export interface VolumeGrowth {
  readonly wake: () => void
  readonly stop: () => void
}

type Wish = ParentFacts & { readonly size: string }

interface Claim extends Stored {
  readonly requested: string
}

/** Of both kinds; the sentinels' claims never grow. */
const COMPONENT: Component = 'redis'
const DEADLINE_MS = 5000
/** A class may be changed to allow growth. */
const RETRY_MS = 60_000

export function startVolumeGrowth (options: VolumeGrowthOptions): VolumeGrowth {
  const { api, log, namespace, parents, mayAct, now, publishEvent } = options
  const refusedAt = new Map<string, number>()
  const scope = namespace === '' ? '' : `/namespaces/${namespace}`

  async function run (): Promise<number> {
    for (const [key, at] of refusedAt) if (now() - at >= RETRY_MS) refusedAt.delete(key)
    if (mayAct()) for (const parent of parents.all()) if (hasClaims(parent)) await grow(parent)
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
      publishEvent(wish, 'VolumeNotGrown', `${name} stays at ${claim.requested} instead of ${wish.size}: ${messageOf(err)}`)
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
  return {
    wake: loop.wake,
    stop: () => { for (const one of [claims, loop]) one.stop() },
  }
}

function hasClaims (parent: ParentFacts): parent is Wish {
  return parent.size !== undefined
}

/** Another size may be tried at once. */
function refusal ({ namespace, size }: Wish, name: string): string {
  return `${namespace}/${name} ${size}`
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
