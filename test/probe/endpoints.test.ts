import t from 'tap'
import { createApiClient } from '../../src/probe/api-client.ts'
import { publishEndpoint } from '../../src/probe/endpoints.ts'
import type { PodFacts } from '../../src/probe/inventory.ts'
import { createFakeApiServer, type FakeObject } from './fake-api-server.ts'

const SLICES = '/apis/discovery.k8s.io/v1/endpointslices'
const pod: PodFacts = {
  namespace: 'ns', name: 'a-redis-1', uid: 'u', resourceVersion: '7', cluster: 'a', component: 'redis', ordinal: 1, ip: '10.0.0.1', node: 'n1', presence: 'Present', label: 'slave', revision: 'a', hasAnnotations: true, ended: false,
}
const slice = (name: string, service: string, more: object = {}): FakeObject => ({
  metadata: { name, namespace: 'ns', labels: { 'kubernetes.io/service-name': service } }, addressType: 'IPv4', ports: [{ port: 6379 }], endpoints: [{ addresses: ['10.0.0.9'] }], ...more,
})

await t.test('only the slice of the master Service, of the pod\'s own family, and with ports is written', async (t) => {
  const server = createFakeApiServer()
  await server.start()
  const api = createApiClient({ server: server.url(), namespace: 'ns' })
  t.teardown(async () => { api.close(); await server.stop() })
  const others = [slice('six', 'a-redis-master', { addressType: 'IPv6' }), slice('empty', 'a-redis-master', { ports: null }), slice('replicas', 'a-redis'), slice('other', 'b-redis-master')]
  for (const one of others) server.put(SLICES, one)
  await publishEndpoint(api, 'a', pod, () => true)
  server.put(SLICES, slice('four', 'a-redis-master'))
  await publishEndpoint(api, 'a', pod, () => true)
  t.strictSame(server.get(SLICES, 'four')?.['endpoints'], [{
    addresses: ['10.0.0.1'], conditions: { ready: true, serving: true, terminating: false }, targetRef: { kind: 'Pod', namespace: 'ns', name: 'a-redis-1', uid: 'u' }, nodeName: 'n1',
  }])
  for (const { metadata: { name }, endpoints } of others) t.strictSame(server.get(SLICES, name)?.['endpoints'], endpoints, `${name} is as it was`)
  await t.rejects(publishEndpoint(api, 'a', pod, () => false), /overtaken/, 'not without the Lease')
})
