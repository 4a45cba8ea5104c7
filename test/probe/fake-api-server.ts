/** As much of an API server as the probe uses, in memory: list, watch, JSON patch with `test`, create and replace. */
import http from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FakeObject {
  readonly metadata: Record<string, unknown> & { name: string, namespace: string, labels?: Record<string, string>, annotations?: Record<string, string> }
  readonly [field: string]: unknown
}

interface Watch { readonly collection: string, readonly selector: string | null, readonly response: http.ServerResponse }
interface Operation { readonly op: 'test' | 'add' | 'remove', readonly path: string, readonly value: unknown }
type Reply = [status: number, body: object]

export interface FakeApiServer {
  readonly url: () => string
  readonly put: (collection: string, object: FakeObject) => void
  readonly remove: (collection: string, name: string) => void
  readonly get: (collection: string, name: string) => FakeObject | undefined
  readonly list: (collection: string) => FakeObject[]
  /** Every label map that a pod ever had, in order of writing. */
  readonly history: FakeObject[]
  readonly start: () => Promise<void>
  /** Refuses connections and cuts the open ones. */
  readonly stop: () => Promise<void>
  /** Answers 403 to every patch until `end`. */
  readonly refusePatches: (message: string) => { readonly end: () => void }
  /** Forgets its history, so that a watch must list again (410). */
  readonly compact: () => void
}

export function createFakeApiServer ({ host = '127.0.0.1' } = {}): FakeApiServer {
  const store = new Map<string, Map<string, FakeObject>>()
  const watches = new Set<Watch>()
  const history: FakeObject[] = []
  let version = 1000
  let oldest = 0
  let refusal: string | undefined
  let port = 0
  let server: http.Server | undefined

  const collectionOf = (path: string) => store.get(path) ?? store.set(path, new Map()).get(path)!
  const emit = (type: string, collection: string, object: FakeObject) => {
    for (const watch of watches) {
      if (watch.collection === collection && matches(object, watch.selector)) watch.response.write(`${JSON.stringify({ type, object })}\n`)
    }
  }

  function put (collection: string, object: FakeObject): FakeObject {
    const before = collectionOf(collection).get(object.metadata.name)
    const stored = { ...object, metadata: { uid: `uid-${++version}`, ...object.metadata, resourceVersion: `${++version}` } }
    collectionOf(collection).set(object.metadata.name, stored)
    if (collection.endsWith('/pods')) history.push(stored)
    emit(before ? 'MODIFIED' : 'ADDED', collection, stored)
    return stored
  }

  function remove (collection: string, name: string): void {
    const object = collectionOf(collection).get(name)
    collectionOf(collection).delete(name)
    if (object) emit('DELETED', collection, { ...object, metadata: { ...object.metadata, resourceVersion: `${++version}` } })
  }

  function watch (collection: string, query: URLSearchParams, response: http.ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    const since = Number(query.get('resourceVersion'))
    if (since < oldest) {
      response.end(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, metadata: {} } })}\n`)
      return
    }
    const entry = { collection, selector: query.get('labelSelector'), response }
    watches.add(entry)
    response.on('close', () => watches.delete(entry))
    for (const object of collectionOf(collection).values()) {
      if (Number(object.metadata['resourceVersion']) > since && matches(object, entry.selector)) response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`)
    }
  }

  function patch (collection: string, name: string, operations: Operation[]): Reply {
    if (refusal !== undefined) return [403, { message: refusal }]
    const object = collectionOf(collection).get(name)
    if (!object) return [404, { message: 'not found' }]
    const copy = structuredClone(object) as unknown as Record<string, unknown>
    for (const operation of operations) if (!apply(copy, operation)) return [422, { message: 'the server rejected our request: test failed' }]
    return [200, put(collection, copy as unknown as FakeObject)]
  }

  function replace (collection: string, name: string, object: FakeObject): Reply {
    const before = collectionOf(collection).get(name)
    if (!before) return [404, { message: 'not found' }]
    if (before.metadata['resourceVersion'] !== object.metadata['resourceVersion']) return [409, { message: 'conflict' }]
    return [200, put(collection, object)]
  }

  function create (collection: string, object: FakeObject): Reply {
    const name = object.metadata.name ?? `${String(object.metadata['generateName'])}${++version}`
    if (collectionOf(collection).has(name)) return [409, { message: 'exists' }]
    return [201, put(collection, { ...object, metadata: { ...object.metadata, name } })]
  }

  function answer (request: http.IncomingMessage, body: string, response: http.ServerResponse): void {
    // One namespace is enough here: the same collection by its path with and without one.
    const url = new URL((request.url ?? '/').replace(/\/namespaces\/[^/]+/, ''), 'http://x')
    const parts = url.pathname.split('/')
    const name = parts.at(-1)!
    const parent = parts.slice(0, -1).join('/')
    if (request.method === 'GET' && url.searchParams.get('watch')) return watch(url.pathname, url.searchParams, response)
    const parsed = body === '' ? undefined : JSON.parse(body)
    const isApply = request.headers['content-type'] === 'application/apply-patch+yaml'
    const [status, reply]: Reply = request.method === 'PATCH'
      ? isApply ? [200, put(parent, parsed)] : patch(parent, name, parsed)
      : request.method === 'PUT'
        ? replace(parent, name, parsed)
        : request.method === 'POST' ? create(url.pathname, parsed) : read(url, parent, name)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(reply))
  }

  function read (url: URL, parent: string, name: string): Reply {
    const one = store.get(parent)?.get(name)
    if (one) return [200, one]
    if (/\/(leases|secrets)$/.test(parent)) return [404, { message: 'not found' }]
    const items = [...collectionOf(url.pathname).values()].filter((object) => matches(object, url.searchParams.get('labelSelector')))
    const from = Number(url.searchParams.get('continue') ?? 0)
    const to = from + Number(url.searchParams.get('limit') ?? items.length)
    const more = to < items.length ? { continue: `${to}` } : {}
    return [200, { metadata: { resourceVersion: `${version}`, ...more }, items: items.slice(from, to) }]
  }

  async function start (): Promise<void> {
    const created = http.createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (chunk: string) => { body += chunk }).on('end', () => answer(request, body, response))
    })
    server = created
    await new Promise<void>((resolve) => created.listen(port, host, resolve))
    port = (created.address() as AddressInfo).port
  }

  async function stop (): Promise<void> {
    server?.closeAllConnections()
    await new Promise((resolve) => server?.close(resolve))
  }

  return {
    url: () => `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    put,
    remove,
    get: (collection, name) => collectionOf(collection).get(name),
    list: (collection) => [...collectionOf(collection).values()],
    history,
    refusePatches: (message) => { refusal = message; return { end: () => { refusal = undefined } } },
    start,
    stop,
    compact: () => { oldest = version + 1; for (const watch of watches) { watches.delete(watch); watch.response.end() } },
  }
}

function matches (object: FakeObject, selector: string | null): boolean {
  return !selector || selector.split(',').every((requirement) => {
    const [key = '', value] = requirement.replace(/^!/, '').split('=')
    const label = object.metadata.labels?.[key]
    return value === undefined ? (label === undefined) === requirement.startsWith('!') : label === value
  })
}

function apply (object: Record<string, unknown>, { op, path, value }: Operation): boolean {
  const keys = path.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = keys.pop()!
  let at: Record<string, unknown> | undefined = object
  for (const key of keys) at = at?.[key] as Record<string, unknown> | undefined
  if (!at) return false
  if (op === 'test') return at[last] === value
  if (op === 'remove') return Reflect.deleteProperty(at, last)
  at[last] = value
  return true
}
