/** List and watch: a store that follows one kind of object, in the trimmed form that the caller keeps of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type ApiClient, hasStatus, retryAfterOf } from './api-client.ts'

export interface KubeObject {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid?: string
    readonly resourceVersion?: string
  }
}

export interface Stored {
  readonly resourceVersion: string
}

export interface ReflectorOptions<Facts extends Stored> {
  readonly api: ApiClient
  readonly log: Logger
  /** Collection path, without a query. */
  readonly path: string
  readonly labelSelector?: string
  /** Everything else of the object is dropped at once: memory. Undefined: of no interest. */
  readonly trim: (object: KubeObject, before: Facts | undefined) => Facts | undefined
  readonly onChange: (key: string, after: Facts | undefined, before: Facts | undefined) => void
}

export interface Reflector<Facts extends Stored> {
  readonly isSynced: () => boolean
  /** Takes in an answer to our own write, so that the next decision need not wait for the watch. */
  readonly put: (object: KubeObject) => void
  readonly get: (key: string) => Facts | undefined
  readonly stop: () => void
}

const PAGE = 500
/** A half-open watch goes unnoticed for no longer than this; resuming costs the server next to nothing. */
const WATCH_SECONDS = 60
const LIST_DEADLINE_MS = 15_000
const BACKOFF_MS = { first: 100, last: 2000 }
/** A server that asks for more is asked sooner all the same: what is not seen meanwhile is decided on. */
const MAX_RETRY_MS = 10_000

function keyOf ({ metadata: { namespace = '', name } }: KubeObject): string {
  return `${namespace}/${name}`
}

export function startReflector<Facts extends Stored> (options: ReflectorOptions<Facts>): Reflector<Facts> {
  const { api, log, path, labelSelector } = options
  const store = createStore(options)
  const abort = new AbortController()
  let synced = false
  /** Where to resume; undefined: list again. */
  let version: string | undefined
  const silence = createSilence()

  async function list (): Promise<void> {
    const seen = new Set<string>()
    let next: string | undefined
    let listed: string
    do {
      const page = query({ labelSelector, limit: `${PAGE}`, continue: next })
      const { items, metadata } = await api.request<List>('GET', `${path}?${page}`, { lane: 'list', deadlineMs: LIST_DEADLINE_MS })
      for (const object of items) {
        seen.add(keyOf(object))
        store.replace(object)
      }
      next = metadata.continue
      listed = metadata.resourceVersion
    } while (next)
    store.retain(seen)
    version = listed
    synced = true
  }

  function onLine (line: string): void {
    const { type, object } = JSON.parse(line) as WatchEvent
    if (type === 'ERROR') throw Object.assign(new Error('watch ended by the server'), { status: object.code ?? 0 })
    version = object.metadata.resourceVersion ?? version
    silence.broken()
    if (type === 'DELETED') store.remove(keyOf(object))
    else if (type !== 'BOOKMARK') store.put(object)
  }

  async function follow (): Promise<void> {
    if (version === undefined) await list()
    const watched = query({
      labelSelector, watch: '1', resourceVersion: version, allowWatchBookmarks: 'true', timeoutSeconds: `${WATCH_SECONDS}`,
    })
    await api.stream(`${path}?${watched}`, onLine, { deadlineMs: (WATCH_SECONDS + 5) * 1000, signal: abort.signal })
    if (silence.lasts()) version = undefined
  }

  followForEver(follow, abort.signal, (err) => {
    if (!hasStatus(err, 410)) log.warn({ err, path }, 'watch failed')
    // a list would be one more load on a server that has too much
    if (hasStatus(err, 410) || (!hasStatus(err, 429) && silence.lasts())) version = undefined
  }).catch((err: unknown) => log.error({ err, path }, 'watch stopped'))
  return { isSynced: () => synced, put: store.put, get: store.get, stop: () => abort.abort() }
}

/**
 * Watches in a row that brought nothing, not even a bookmark, however they ended. An API server whose etcd was restored from a backup takes
 * a watch from a version that is still to come, and is silent until then. So all is listed anew after the second, fourth, eighth of them.
 */
function createSilence () {
  let silent = 0
  let heard = false
  return {
    broken: () => { heard = true },
    /** Asked when a watch has ended: is it time for a list? */
    lasts: () => {
      silent = heard ? 0 : silent + 1
      heard = false
      return silent > 1 && Number.isInteger(Math.log2(silent))
    },
  }
}

async function followForEver (follow: () => Promise<void>, signal: AbortSignal, onError: (error: unknown) => void): Promise<void> {
  let delay = BACKOFF_MS.first
  while (!signal.aborted) {
    const startedAt = performance.now()
    let wanted = 0
    try {
      await follow()
    } catch (error) {
      wanted = Math.min(retryAfterOf(error) ?? 0, MAX_RETRY_MS)
      if (!signal.aborted) onError(error)
    }
    if (performance.now() - startedAt > BACKOFF_MS.last) delay = BACKOFF_MS.first
    await sleep(Math.max(delay, wanted), undefined, { signal }).catch(() => {})
    delay = Math.min(delay * 2, BACKOFF_MS.last)
  }
}

interface Store<Facts> {
  readonly get: (key: string) => Facts | undefined
  /** From a watch, or an answer to our own write: the newer one stays. */
  readonly put: (object: KubeObject) => void
  /** From a list: whatever its version, for after a restore of etcd the present is older than what was seen. */
  readonly replace: (object: KubeObject) => void
  readonly remove: (key: string) => void
  /** Removes all but these. */
  readonly retain: (keys: ReadonlySet<string>) => void
}

function createStore<Facts extends Stored> ({ trim, onChange }: ReflectorOptions<Facts>): Store<Facts> {
  const facts = new Map<string, Facts>()

  function put (object: KubeObject): void {
    const before = facts.get(keyOf(object))
    // An event that was under way while we wrote is older than the answer to our write.
    if (before && Number(object.metadata.resourceVersion) < Number(before.resourceVersion)) return
    replace(object)
  }

  function replace (object: KubeObject): void {
    const key = keyOf(object)
    const before = facts.get(key)
    const after = trim(object, before)
    if (after) facts.set(key, after)
    else facts.delete(key)
    if (after ?? before) onChange(key, after, before)
  }

  function remove (key: string): void {
    const before = facts.get(key)
    facts.delete(key)
    if (before) onChange(key, undefined, before)
  }

  function retain (keys: ReadonlySet<string>): void {
    for (const key of [...facts.keys()]) if (!keys.has(key)) remove(key)
  }

  return { get: (key) => facts.get(key), put, replace, remove, retain }
}

interface List {
  readonly metadata: { readonly resourceVersion: string, readonly continue?: string }
  readonly items: readonly KubeObject[]
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: KubeObject & { readonly code?: number }
}

function query (parameters: Readonly<Record<string, string | undefined>>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined && value !== '') search.set(name, value)
  return search.toString()
}
