/**
 * Tells kube-proxy of a new master early, and in one change. A role label changes the EndpointSlices of two Services, the read-only
 * one often first, and kube-proxy applies what comes a moment later only a second after that (docs/failover.md). So the master
 * Service's own slice is written before the label, as its controller will write it when it sees the label. It is a shortcut only:
 * when it fails, or the controller was faster, the label does it.
 */
import { redisSentinelNames } from '../metadata/names.ts'
import type { ApiClient } from './api-client.ts'
import type { PodFacts } from './inventory.ts'

interface EndpointSlice {
  readonly metadata: { readonly name: string, readonly resourceVersion: string }
  readonly addressType: string
  readonly ports?: readonly unknown[] | null
  readonly endpoints?: readonly { readonly addresses: readonly string[] }[] | null
}

/** Nobody waits for it for long: the label comes next. */
const DEADLINE_MS = 200

/** `cluster`: name of the RedisSentinel. Rejects when the slice could not be written. */
export async function publishEndpoint (api: ApiClient, cluster: string, pod: PodFacts, mayStart: () => boolean): Promise<void> {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${pod.namespace}/endpointslices`
  const options = { deadlineMs: DEADLINE_MS, mayStart }
  const selector = encodeURIComponent(`kubernetes.io/service-name=${redisSentinelNames(cluster).master}`)
  const { items } = await api.request<{ items: readonly EndpointSlice[] }>('GET', `${path}?labelSelector=${selector}`, options)
  const family = pod.ip?.includes(':') ? 'IPv6' : 'IPv4'
  // without an endpoint a slice has no ports either
  const slice = items.find(({ addressType, ports }) => addressType === family && ports && ports.length > 0)
  if (!slice || leadsTo(slice, pod)) return
  await api.request('PATCH', `${path}/${slice.metadata.name}`, {
    ...options,
    contentType: 'application/json-patch+json',
    body: [
      { op: 'test', path: '/metadata/resourceVersion', value: slice.metadata.resourceVersion },
      { op: 'add', path: '/endpoints', value: [endpointOf(pod)] },
    ],
  })
}

function leadsTo ({ endpoints }: EndpointSlice, { ip }: PodFacts): boolean {
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
