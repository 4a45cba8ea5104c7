/** A small API server in memory: discovery, list, watch, get, apply, PUT, status, delete with uid precondition, events. */
import { createServer } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { KubeObject, ResourceInfo } from '../../src/embedded/objects.ts'

export type Write = { method: string, path: string, body: KubeObject }
export type FakeApiServer = {
  url: string
  writes: Write[]
  resources: ResourceInfo[]
  put: (object: object) => KubeObject
  get: (kind: string, name: string) => KubeObject | undefined
  remove: (kind: string, name: string) => void
  /** A code with which the next matching writes are refused; the answer undefined lets them pass. */
  refuse: (rule: (write: Write) => number | undefined) => void
  /** Ends all watches with 410, as after a compaction. */
  expireWatches: () => void
  close: () => Promise<void>
}

const RESOURCES: ResourceInfo[] = [
  { apiVersion: 'cache.iguochan.io/v1', resource: 'redissentinels', kind: 'RedisSentinel', namespaced: true, hasStatus: true },
  { apiVersion: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true, hasStatus: false },
  { apiVersion: 'v1', resource: 'services', kind: 'Service', namespaced: true, hasStatus: true },
  { apiVersion: 'v1', resource: 'pods', kind: 'Pod', namespaced: true, hasStatus: true },
  { apiVersion: 'v1', resource: 'events', kind: 'Event', namespaced: true, hasStatus: false },
  { apiVersion: 'apps/v1', resource: 'statefulsets', kind: 'StatefulSet', namespaced: true, hasStatus: true },
  { apiVersion: 'policy/v1', resource: 'poddisruptionbudgets', kind: 'PodDisruptionBudget', namespaced: true, hasStatus: true },
]

type Watcher = { resource: ResourceInfo, response: ServerResponse }
type Target = { resource: ResourceInfo, namespace?: string, name?: string, subresource?: string }

export async function fakeApiServer (): Promise<FakeApiServer> {
  const resources = [...RESOURCES]
  const objects = new Map<string, KubeObject>()
  const watchers = new Set<Watcher>()
  const writes: Write[] = []
  let revision = 1000
  let refuse: (write: Write) => number | undefined = () => undefined

  const keyOf = (kind: string, namespace: string | undefined, name: string) => `${kind} ${namespace ?? ''}/${name}`
  const idOf = (object: KubeObject) => keyOf(object.kind, object.metadata.namespace, object.metadata.name)

  function tell (type: string, object: KubeObject): void {
    for (const { resource, response } of watchers) {
      if (resource.kind === object.kind) response.write(JSON.stringify({ type, object }) + '\n')
    }
  }

  function store (object: KubeObject): KubeObject {
    const old = objects.get(idOf(object))
    if (old && isDeepStrictEqual(normal(old), normal(object))) return old
    const generation = object['spec'] === undefined ? {} : { generation: (old?.metadata.generation ?? 0) + (isDeepStrictEqual(old?.['spec'], object['spec']) ? 0 : 1) }
    const metadata = { ...object.metadata, uid: old?.metadata.uid ?? object.metadata.uid ?? `uid-${++revision}`, resourceVersion: String(++revision), ...generation }
    const stored = { ...object, metadata }
    if (metadata.deletionTimestamp && !metadata.finalizers?.length) {
      objects.delete(idOf(stored))
      tell('DELETED', stored)
      return stored
    }
    objects.set(idOf(stored), stored)
    tell(old ? 'MODIFIED' : 'ADDED', stored)
    return stored
  }

  function remove (object: KubeObject): void {
    if (object.metadata.finalizers?.length) {
      store({ ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } })
      return
    }
    objects.delete(idOf(object))
    tell('DELETED', { ...object, metadata: { ...object.metadata, resourceVersion: String(++revision) } })
  }

  function write (method: string, { resource, namespace, name = '', subresource }: Target, body: KubeObject): [number, object] {
    const old = objects.get(keyOf(resource.kind, namespace, name))
    const uid = (body as unknown as { preconditions?: { uid?: string } }).preconditions?.uid
    switch (method) {
      case 'POST': return [201, store(body)]
      case 'DELETE':
        if (!old) return [404, status(404, 'not found')]
        if (uid !== old.metadata.uid) return [409, status(409, 'the UID in the precondition does not match')]
        remove(old)
        return [200, {}]
      case 'PUT':
        if (!old) return [404, status(404, 'not found')]
        if (body.metadata.resourceVersion !== old.metadata.resourceVersion) return [409, status(409, 'object has been modified')]
        return [200, store(subresource === 'status' ? { ...old, status: body.status } : { ...body, status: old.status })]
      default: return [200, store(merged(old, body))]
    }
  }

  function serve (request: IncomingMessage, response: ServerResponse, text: string): void {
    const url = new URL(request.url ?? '/', 'http://x')
    const apiVersion = /^\/(?:api|apis)\/([^/]+(?:\/v[^/]+)?)$/.exec(url.pathname)?.[1]
    if (apiVersion) return discovery(response, apiVersion, resources)
    const target = targetOf(url.pathname, resources)
    if (!target) return send(response, 404, status(404, 'not found'))
    const { resource, namespace, name } = target
    if (request.method !== 'GET') {
      const body = JSON.parse(text)
      const entry = { method: request.method ?? '', path: url.pathname, body }
      writes.push(entry)
      const code = refuse(entry)
      return code ? send(response, code, status(code, `refused with ${code}`)) : send(response, ...write(entry.method, target, body))
    }
    if (url.searchParams.get('watch')) {
      const watcher = { resource, response }
      watchers.add(watcher)
      response.on('close', () => watchers.delete(watcher))
      // What happened between the list and this watch.
      response.writeHead(200).flushHeaders()
      for (const object of objects.values()) {
        if (object.kind === resource.kind && Number(object.metadata.resourceVersion) > Number(url.searchParams.get('resourceVersion'))) tell('MODIFIED', object)
      }
      return
    }
    if (name) {
      const object = objects.get(keyOf(resource.kind, namespace, name))
      return object ? send(response, 200, object) : send(response, 404, status(404, 'not found'))
    }
    // Like the real one, the items of a list do not say their kind.
    const items = [...objects.values()].filter((object) => object.kind === resource.kind).map(({ kind: _k, apiVersion: _v, ...rest }) => rest)
    send(response, 200, { metadata: { resourceVersion: String(revision) }, items })
  }

  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => { text += chunk })
    request.on('end', () => serve(request, response, text))
  })
  const port = await listen(server)

  return {
    url: `http://127.0.0.1:${port}`,
    writes,
    resources,
    put: (object) => {
      const given = object as KubeObject
      if (!given.metadata.resourceVersion || objects.has(idOf(given))) return store(given)
      objects.set(idOf(given), given)
      return given
    },
    get: (kind, name) => [...objects.values()].find((object) => object.kind === kind && object.metadata.name === name),
    remove: (kind, name) => {
      for (const object of objects.values()) if (object.kind === kind && object.metadata.name === name) remove(object)
    },
    refuse: (rule) => { refuse = rule },
    expireWatches: () => {
      const ended = [...watchers]
      watchers.clear()
      for (const { response } of ended) response.end(JSON.stringify({ type: 'ERROR', object: status(410, 'too old resource version') }) + '\n')
    },
    close: () => new Promise((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    }),
  }
}

function normal (object: KubeObject): object {
  const { resourceVersion: _r, generation: _g, uid: _u, creationTimestamp: _c, ...metadata } = object.metadata
  return { ...object, metadata }
}

function merged (old: KubeObject | undefined, body: KubeObject): KubeObject {
  if (!old) return body
  return { ...old, ...body, metadata: { ...old.metadata, ...body.metadata } }
}

export function listen (server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

function discovery (response: ServerResponse, apiVersion: string, resources: ResourceInfo[]): void {
  const served = resources.filter((resource) => resource.apiVersion === apiVersion)
  if (served.length === 0) return send(response, 404, status(404, 'not found'))
  send(response, 200, {
    kind: 'APIResourceList',
    resources: served.flatMap(({ resource, kind, namespaced, hasStatus }) =>
      [{ name: resource, kind, namespaced }, ...hasStatus ? [{ name: `${resource}/status`, kind, namespaced }] : []]),
  })
}

function targetOf (path: string, resources: ResourceInfo[]): Target | undefined {
  const match = /^\/(?:api|apis)\/(v1|[^/]+\/v[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/(status))?$/.exec(path)
  const [, apiVersion, namespace, plural, name, subresource] = match ?? []
  const resource = resources.find((info) => info.apiVersion === apiVersion && info.resource === plural)
  if (!resource) return undefined
  return { resource, ...(namespace ? { namespace } : {}), ...(name ? { name } : {}), ...(subresource ? { subresource } : {}) }
}

function status (code: number, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, code, message }
}

function send (response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
