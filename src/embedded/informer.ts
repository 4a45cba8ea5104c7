/** A local copy of all objects of one kind, kept by list and watch, that tells what changes in it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { apiFailure, apiStatus } from './failures.ts'
import { controllerOf, objectKey } from './objects.ts'
import type { Logger } from 'pino'
import type { ApiClient, WatchEvent } from './api-client.ts'
import type { KubeObject, ResourceInfo } from './objects.ts'

export type Change =
  | { type: 'added', object: KubeObject }
  | { type: 'updated', object: KubeObject, old: KubeObject }
  | { type: 'deleted', object: KubeObject }

export type Store = {
  get: (key: string) => KubeObject | undefined
  list: () => KubeObject[]
  /** Objects with this controller, and with '' those that have none. */
  ownedBy: (uid: string) => KubeObject[]
  set: (object: KubeObject) => Change | undefined
  remove: (object: KubeObject) => Change | undefined
}

export type Informer = Pick<Store, 'get' | 'list' | 'ownedBy'> & {
  resource: ResourceInfo
  hasSynced: () => boolean
  /** Resolves after the first list. */
  synced: Promise<void>
  /** One who comes late hears of everything that is there already. */
  subscribe: (handler: (change: Change) => void) => void
}

export type InformerOptions = { api: ApiClient, resource: ResourceInfo, signal: AbortSignal, log: Logger, minBackoffMs?: number }

const MIN_BACKOFF_MS = 800
const MAX_BACKOFF_MS = 30_000
/** A watch that ends sooner than this, and said nothing, counts as a failure; else a broken proxy would make a hot loop. */
const SHORT_WATCH_MS = 1000
const GONE = 410

function createInformer (options: InformerOptions): Informer {
  const store = createStore()
  const handlers: ((change: Change) => void)[] = []
  let synced = false
  let firstListed = (): void => {}
  const listed = new Promise<void>((resolve) => { firstListed = resolve })

  function tell (change: Change | undefined): void {
    if (change) for (const handler of handlers) handler(change)
  }

  function replace (items: KubeObject[]): void {
    const keys = new Set(items.map(objectKey))
    for (const object of store.list()) if (!keys.has(objectKey(object))) tell(store.remove(object))
    for (const item of items) change(item)
    synced = true
    firstListed()
  }

  /** An object that was deleted and made again between two lists is two objects, not a new state of one. */
  function change (object: KubeObject): void {
    const old = store.get(objectKey(object))
    if (old && old.metadata.uid !== object.metadata.uid) tell(store.remove(old))
    tell(store.set(object))
  }

  function onEvent (event: WatchEvent): void {
    if (event.type === 'ADDED' || event.type === 'MODIFIED') change(event.object)
    if (event.type === 'DELETED') tell(store.remove(event.object))
  }

  follow(options, replace, onEvent).catch((err: unknown) => options.log.error({ err }, 'informer ended'))

  return {
    resource: options.resource,
    get: store.get,
    list: store.list,
    ownedBy: store.ownedBy,
    hasSynced: () => synced,
    synced: listed,
    subscribe: (handler) => {
      handlers.push(handler)
      for (const object of store.list()) handler({ type: 'added', object })
    },
  }
}

/** Lists, then watches from there for ever; lists again only when the server no longer knows where we were. */
async function follow (
  { api, resource, signal, log, minBackoffMs = MIN_BACKOFF_MS }: InformerOptions,
  replace: (items: KubeObject[]) => void,
  onEvent: (event: WatchEvent) => void,
): Promise<void> {
  let resourceVersion: string | undefined
  let failures = 0
  const round = async (): Promise<void> => {
    if (resourceVersion === undefined) {
      const list = await api.list(resource)
      replace(list.items)
      resourceVersion = list.resourceVersion
    }
    const started = performance.now()
    let events = 0
    const from = resourceVersion
    await api.watch(resource, {
      resourceVersion: from,
      signal,
      onEvent: (event) => {
        events++
        failures = 0
        if (event.type === 'ERROR') throw watchFailure(event)
        onEvent(event)
        resourceVersion = event.object.metadata.resourceVersion ?? resourceVersion
      },
    })
    if (events === 0 && performance.now() - started < SHORT_WATCH_MS) throw new Error('the watch ended at once')
  }

  while (!signal.aborted) {
    try {
      await round()
    } catch (error) {
      if (signal.aborted) return
      if (apiStatus(error) === GONE) resourceVersion = undefined
      else log.warn({ err: error, resource: resource.resource, apiVersion: resource.apiVersion }, 'list or watch failed')
      const backoff = Math.min(minBackoffMs * 2 ** failures++, MAX_BACKOFF_MS)
      await sleep(backoff * (1 + Math.random()) / 2, undefined, { signal }).catch(() => {})
    }
  }
}

/** An ERROR event carries a Status instead of an object. */
function watchFailure (event: WatchEvent): Error {
  const { code, message } = event.object as unknown as { code?: number, message?: string }
  return apiFailure(code ?? 500, message ?? 'watch error')
}

export function createStore (): Store {
  const byKey = new Map<string, KubeObject>()
  const byOwner = new Map<string, Map<string, KubeObject>>()

  function drop (key: string): KubeObject | undefined {
    const old = byKey.get(key)
    if (!old) return undefined
    const owner = ownerOf(old)
    const siblings = byOwner.get(owner)
    siblings?.delete(key)
    if (siblings?.size === 0) byOwner.delete(owner)
    byKey.delete(key)
    return old
  }

  return {
    get: (key) => byKey.get(key),
    list: () => [...byKey.values()],
    ownedBy: (uid) => [...byOwner.get(uid)?.values() ?? []],
    set: (object) => {
      const key = objectKey(object)
      if (byKey.has(key) && byKey.get(key)?.metadata.resourceVersion === object.metadata.resourceVersion) return undefined
      const old = drop(key)
      const siblings = byOwner.get(ownerOf(object)) ?? new Map<string, KubeObject>()
      byOwner.set(ownerOf(object), siblings.set(key, object))
      byKey.set(key, object)
      return old ? { type: 'updated', object, old } : { type: 'added', object }
    },
    remove: (object) => drop(objectKey(object)) && { type: 'deleted', object },
  }
}

function ownerOf (object: KubeObject): string {
  return controllerOf(object)?.uid ?? ''
}

export type Informers = (resource: ResourceInfo) => Informer

/** One informer for each resource, however many CompositeControllers look at it. */
export function createInformers (options: Omit<InformerOptions, 'resource'>): Informers {
  const informers = new Map<string, Informer>()
  return (resource) => {
    const key = `${resource.apiVersion}/${resource.resource}`
    const informer = informers.get(key) ?? createInformer({ ...options, resource })
    informers.set(key, informer)
    return informer
  }
}
