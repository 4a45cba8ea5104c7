/**
 * Tells kube-proxy of a new master early, and in one change. A role label changes the EndpointSlices of two Services, the read-only
 * one often first, and kube-proxy applies what comes a moment later only a second after that (docs/failover.md). So the master
 * Service's own slice is written before the label, as its controller will write it when it sees the label. It is a shortcut only:
 * when it fails, or the controller was faster, the label does it.
 */
import { redisSentinelNames } from '../metadata/names.ts'
import { type ApiClient, hasStatus } from './api-client.ts'
import type { Inventory, PodFacts } from './inventory.ts'
import type { KubeObject } from './reflector.ts'
import { CONTROLLERS_OWN, familyOf, isInUse, SERVICE_LABEL, type SliceObject } from './slice-facts.ts'

export interface EndpointDeps {
  readonly api: ApiClient
  readonly putSlice: Inventory['putSlice']
  /** For all requests together: the label comes next. */
  readonly sliceDeadlineMs?: number
}

/** Name and version are enough to write it. */
type Target = Pick<KubeObject, 'metadata'>

const DEADLINE_MS = 200

/**
 * `known`: the slice by the watch, so that one request does it. Changed meanwhile, or not known: it is looked up.
 * `cluster`: name of the RedisSentinel. Rejects when the slice could not be written.
 */
export async function publishEndpoint (
  deps: EndpointDeps, known: Target['metadata'] | undefined, cluster: string, pod: PodFacts, mayStart: () => boolean
): Promise<void> {
  if (pod.ip === undefined) return
  const { api, putSlice, sliceDeadlineMs = DEADLINE_MS } = deps
  const path = `/apis/discovery.k8s.io/v1/namespaces/${pod.namespace}/endpointslices`
  const until = performance.now() + sliceDeadlineMs
  const options = () => ({
    lane: 'slice' as const,
    deadlineMs: Math.max(Math.ceil(until - performance.now()), 1),
    mayStart: () => mayStart() && performance.now() < until,
  })

  async function write ({ name, resourceVersion }: Target['metadata']): Promise<void> {
    putSlice(await api.request<KubeObject>('PATCH', `${path}/${name}`, {
      ...options(),
      contentType: 'application/json-patch+json',
      body: [
        { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
        { op: 'add', path: '/endpoints', value: [endpointOf(pod)] },
      ],
    }))
  }

  async function read (): Promise<SliceObject | undefined> {
    const selector = encodeURIComponent(`${SERVICE_LABEL}=${redisSentinelNames(cluster).master},${CONTROLLERS_OWN}`)
    const { items } = await api.request<{ items: readonly SliceObject[] }>('GET', `${path}?labelSelector=${selector}`, options())
    return items.find((slice) => slice.addressType === familyOf(pod.ip) && isInUse(slice))
  }

  if (known) {
    try {
      // also when it leads there already by the watch: that may be late, and a write that changes nothing costs nothing
      await write(known)
      return
    } catch (error) {
      if (!hasStatus(error, 404, 409, 422)) throw error
    }
  }
  const slice = await read()
  if (slice && !leadsTo(slice, pod)) await write(slice.metadata)
}

function leadsTo ({ endpoints }: SliceObject, { ip }: PodFacts): boolean {
  const [only, another] = endpoints ?? []
  return only !== undefined && !another && only.addresses[0] === ip
}

function endpointOf ({ namespace, name, uid, ip, node }: PodFacts): object {
  return {
    addresses: [ip],
    conditions: { ready: true, serving: true, terminating: false },
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...node !== undefined && { nodeName: node },
  }
}
