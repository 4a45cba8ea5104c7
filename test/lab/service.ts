// The master Service of a lab: an EndpointSlice that follows the label, as the controller in Kubernetes does, and that the probe
// may write a moment earlier. There is no kube-proxy: a client sees the slice at once.
import type { FakeApiServer, FakeObject } from '../probe/fake-api-server.ts'
import { REDIS_PORT } from './questions.ts'

const SLICES = '/apis/discovery.k8s.io/v1/endpointslices'

interface Endpoint { readonly addresses: readonly string[] }

/** `labelled`: the pods that the Service selects now. */
export function masterService (api: FakeApiServer, name: string, namespace: string, labelled: () => FakeObject[]) {
  let written = ''

  function addresses (): string[] {
    return labelled().map(({ status }) => (status as { podIP: string }).podIP)
  }

  function write (ips: readonly string[]): void {
    api.put(SLICES, {
      metadata: { name: `${name}-slice`, namespace, labels: { 'kubernetes.io/service-name': name } },
      addressType: ips.some((ip) => ip.includes(':')) ? 'IPv6' : 'IPv4',
      ports: [{ name: 'redis', port: REDIS_PORT, protocol: 'TCP' }],
      endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
    })
  }

  /** Only when the label or the pod has changed: what the probe wrote before it stays. */
  async function follow (): Promise<void> {
    const ips = addresses()
    const now = ips.join(' ')
    if (now === written) return
    written = now
    write(ips)
  }

  /** One endpoint of those there are. */
  function endpoint (): string | undefined {
    const endpoints = api.get(SLICES, `${name}-slice`)?.['endpoints'] as readonly Endpoint[] | undefined
    return endpoints?.[0]?.addresses[0]
  }

  return { follow, endpoint }
}
