/** The few verbs of the Kubernetes API that the driver needs, on objects as plain JSON. */
import { apiStatus } from './failures.ts'
import type { Transport } from './api-transport.ts'
import type { KubeObject, ResourceInfo } from './objects.ts'

type ObjectList = { items: KubeObject[], resourceVersion: string }
export type WatchEvent = { type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR', object: KubeObject }
type WatchOptions = { resourceVersion: string, signal: AbortSignal, onEvent: (event: WatchEvent) => void }

export type ApiClient = {
  /** Discovery; undefined when the group version is not served or has no such resource. */
  discover: (apiVersion: string, resource: string) => Promise<ResourceInfo | undefined>
  list: (resource: ResourceInfo) => Promise<ObjectList>
  watch: (resource: ResourceInfo, options: WatchOptions) => Promise<void>
  get: (resource: ResourceInfo, object: Named) => Promise<KubeObject | undefined>
  apply: (resource: ResourceInfo, object: KubeObject) => Promise<KubeObject>
  update: (resource: ResourceInfo, object: KubeObject) => Promise<KubeObject>
  updateStatus: (resource: ResourceInfo, object: KubeObject) => Promise<KubeObject>
  /** Only if it is still the very object that was observed; what it owns goes in the background. */
  delete: (resource: ResourceInfo, object: KubeObject) => Promise<void>
  createEvent: (event: KubeObject) => Promise<void>
  patchEvent: (event: Named, patch: object) => Promise<void>
}

type Named = { metadata: { name: string, namespace?: string } }
export type OnWrite = (verb: string, kind: string) => void

const FIELD_MANAGER = 'metacontroller'
const PAGE = 500
const WATCH_SECONDS = 290
const WATCH_GRACE_SECONDS = 30
const EVENTS: ResourceInfo = { apiVersion: 'v1', resource: 'events', kind: 'Event', namespaced: true, hasStatus: false }

export function createApiClient ({ json, lines }: Transport, onWrite: OnWrite): ApiClient {
  async function send (verb: string, resource: ResourceInfo, request: Parameters<Transport['json']>[0]): Promise<KubeObject> {
    onWrite(verb, resource.kind)
    return await json(request) as KubeObject
  }

  return {
    discover: (apiVersion, resource) => discover(json, apiVersion, resource),
    list: (resource) => list(json, resource),
    watch: (resource, options) => watch(lines, resource, options),
    get: (resource, object) => orUndefined(json({ method: 'GET', path: objectPath(resource, object) })),
    apply: (resource, object) => send('apply', resource, {
      method: 'PATCH',
      path: `${objectPath(resource, object)}?fieldManager=${FIELD_MANAGER}&force=true`,
      body: object,
      contentType: 'application/apply-patch+yaml',
    }),
    update: (resource, object) => send('update', resource, managed('PUT', objectPath(resource, object), object)),
    updateStatus: (resource, object) =>
      send('update-status', resource, managed('PUT', `${objectPath(resource, object)}/status`, object)),
    delete: async (resource, object) => {
      const { uid } = object.metadata
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid }, propagationPolicy: 'Background' }
      await send('delete', resource, { method: 'DELETE', path: objectPath(resource, object), body })
    },
    createEvent: async (event) => {
      await send('create', EVENTS, managed('POST', collectionPath(EVENTS, event.metadata.namespace), event))
    },
    patchEvent: async (event, patch) => {
      const contentType = 'application/merge-patch+json'
      await send('patch', EVENTS, { ...managed('PATCH', objectPath(EVENTS, event), patch), contentType })
    },
  }
}

function managed (method: string, path: string, body: object) {
  return { method, path: `${path}?fieldManager=${FIELD_MANAGER}`, body }
}

function groupPath (apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
}

function collectionPath ({ apiVersion, resource, namespaced }: ResourceInfo, namespace?: string): string {
  const scope = namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  return `${groupPath(apiVersion)}${scope}/${resource}`
}

function objectPath (resource: ResourceInfo, { metadata: { name, namespace } }: Named): string {
  return `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`
}

async function orUndefined (request: Promise<unknown>): Promise<KubeObject | undefined> {
  try {
    return await request as KubeObject
  } catch (error) {
    if (apiStatus(error) === 404) return undefined
    throw error
  }
}

type DiscoveredResource = { name: string, kind: string, namespaced: boolean }

async function discover (json: Transport['json'], apiVersion: string, resource: string): Promise<ResourceInfo | undefined> {
  const found = await orUndefined(json({ method: 'GET', path: groupPath(apiVersion) }))
  const resources = (found?.['resources'] ?? []) as DiscoveredResource[]
  const match = resources.find(({ name }) => name === resource)
  if (!match) return undefined
  const hasStatus = resources.some(({ name }) => name === `${resource}/status`)
  return { apiVersion, resource, kind: match.kind, namespaced: match.namespaced, hasStatus }
}

type ListPage = { metadata: { resourceVersion?: string, continue?: string }, items: KubeObject[] | null }

async function list (json: Transport['json'], resource: ResourceInfo): Promise<ObjectList> {
  const items: KubeObject[] = []
  let token = ''
  for (;;) {
    const path = `${collectionPath(resource)}?limit=${PAGE}${token && `&continue=${encodeURIComponent(token)}`}`
    const page = await json({ method: 'GET', path }) as ListPage
    // Items of a list of a built-in kind do not say what they are.
    for (const item of page.items ?? []) items.push({ ...item, apiVersion: resource.apiVersion, kind: resource.kind })
    token = page.metadata.continue ?? ''
    if (!token) return { items, resourceVersion: page.metadata.resourceVersion ?? '' }
  }
}

async function watch (lines: Transport['lines'], resource: ResourceInfo, options: WatchOptions): Promise<void> {
  const query = new URLSearchParams({
    watch: '1',
    allowWatchBookmarks: 'true',
    resourceVersion: options.resourceVersion,
    timeoutSeconds: String(WATCH_SECONDS),
  })
  await lines({
    path: `${collectionPath(resource)}?${query}`,
    timeoutMs: (WATCH_SECONDS + WATCH_GRACE_SECONDS) * 1000,
    signal: options.signal,
    onLine: (line) => {
      if (line) options.onEvent(JSON.parse(line) as WatchEvent)
    },
  })
}
