/** The master Service's EndpointSlice: known from a watch, written by one request, and looked up where the watch is late. */
import { pino } from 'pino'
import t from 'tap'
import { type ApiClient, createApiClient } from '../../src/probe/api-client.ts'
import { publishEndpoint } from '../../src/probe/endpoints.ts'
import { type PodFacts, startInventory } from '../../src/probe/inventory.ts'
import { createFakeApiServer, type FakeObject } from './fake-api-server.ts'
import { until } from './lab.ts'

const SLICES = '/apis/discovery.k8s.io/v1/endpointslices'
const pod: PodFacts = {
  namespace: 'ns', name: 'a-redis-1', uid: 'u', resourceVersion: '7', cluster: 'a', component: 'redis', ordinal: 1, ip: '10.0.0.1', node: 'n1', presence: 'Present', label: 'slave', revision: 'a', hasAnnotations: true, ended: false,
}
const ENDPOINTS = [{
  addresses: ['10.0.0.1'], conditions: { ready: true, serving: true, terminating: false }, targetRef: { kind: 'Pod', namespace: 'ns', name: 'a-redis-1', uid: 'u' }, nodeName: 'n1',
}]
const OWN = { 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' }
const slice = (name: string, service: string, more: object = {}, labels: object = OWN): FakeObject => ({
  metadata: {
    name, namespace: 'ns', labels: { app: 'redis-sentinel', component: 'redis', name: service.slice(0, 1), 'kubernetes.io/service-name': service, ...labels },
  },
  addressType: 'IPv4',
  ports: [{ port: 6379 }],
  endpoints: [{ addresses: ['10.0.0.9'] }],
  ...more,
})
/** What must not be written when the pod has an IPv4 address. */
const OTHERS = [
  slice('six', 'a-redis-master', { addressType: 'IPv6' }),
  slice('empty', 'a-redis-master', { ports: null }),
  slice('replicas', 'a-redis'),
  slice('other', 'b-redis-master'),
  slice('stranger', 'a-redis-master', {}, { 'endpointslice.kubernetes.io/managed-by': 'somebody' }),
]

/** The machine may be busy. */
const PATIENT_MS = 10_000

interface Tap { readonly teardown: (stop: () => unknown) => void }

/** `calls`: what was asked since then. */
async function prepared (t: Tap) {
  const server = createFakeApiServer()
  await server.start()
  const client = createApiClient({ server: server.url(), namespace: 'ns' })
  t.teardown(async () => { client.close(); await server.stop() })
  const calls: string[] = []
  const api: ApiClient = { ...client, request: (method, path, options) => { calls.push(method); return client.request(method, path, options) } }
  for (const one of OTHERS) server.put(SLICES, one)
  const inventory = startInventory({ api: client, log: pino({ level: 'silent' }), namespace: '', onChange: () => {} })
  t.teardown(inventory.stop)
  const known = () => inventory.view('ns/a').sliceFor(pod)
  const publish = (mayStart = () => true) => publishEndpoint({ api, putSlice: inventory.putSlice, sliceDeadlineMs: PATIENT_MS }, known(), 'a', pod, mayStart)
  return { server, api, calls, known, publish }
}

await t.test('a slice that the watch knows is written by one request', async (t) => {
  const { server, calls, known, publish } = await prepared(t)
  server.put(SLICES, slice('four', 'a-redis-master'))
  await until('it is known', () => known()?.name === 'four')
  await publish()
  t.strictSame(server.get(SLICES, 'four')?.['endpoints'], ENDPOINTS)
  t.equal(known()?.resourceVersion, server.get(SLICES, 'four')?.metadata['resourceVersion'], 'the answer is taken in')
  await publish()
  t.strictSame(calls.splice(0), ['PATCH', 'PATCH'], 'also when it leads there: the watch may be late')
  for (const { metadata: { name }, endpoints } of OTHERS) t.strictSame(server.get(SLICES, name)?.['endpoints'], endpoints, `${name} is as it was`)
  await t.rejects(publish(() => false), /overtaken/, 'not without the Lease')

  server.remove(SLICES, 'four')
  await until('it is gone', () => known() === undefined)
  server.put(SLICES, slice('five', 'a-redis-master'))
  await until('its successor is known', () => known()?.name === 'five')
  server.put(SLICES, slice('five', 'a-redis-master', { ports: null, endpoints: null }))
  await until('one without endpoints is not', () => known() === undefined)
})

await t.test('where the watch is late the slice is looked up', async (t) => {
  const { server, api, calls } = await prepared(t)
  const publish = (name: string, resourceVersion: string) => publishEndpoint({ api, putSlice: () => {}, sliceDeadlineMs: PATIENT_MS }, { name, resourceVersion }, 'a', pod, () => true)
  server.put(SLICES, slice('four', 'a-redis-master'))
  await publish('four', '1')
  t.strictSame(calls.splice(0), ['PATCH', 'GET', 'PATCH'], 'another version')
  t.strictSame(server.get(SLICES, 'four')?.['endpoints'], ENDPOINTS)
  await publish('four', '1')
  t.strictSame(calls.splice(0), ['PATCH', 'GET'], 'which leads there already')
  await publish('gone', '1')
  t.strictSame(calls.splice(0), ['PATCH', 'GET'], 'another slice')
})

await t.test('a slice that is not known is looked up', async (t) => {
  const { server, api, calls } = await prepared(t)
  const publish = (one: PodFacts) => publishEndpoint({ api, putSlice: () => {}, sliceDeadlineMs: PATIENT_MS }, undefined, 'a', one, () => true)
  await publish(pod)
  t.strictSame(calls.splice(0), ['GET'], 'there is none')
  server.put(SLICES, slice('four', 'a-redis-master'))
  await publish(pod)
  t.strictSame(calls.splice(0), ['GET', 'PATCH'])
  t.strictSame(server.get(SLICES, 'four')?.['endpoints'], ENDPOINTS)
  for (const { metadata: { name }, endpoints } of OTHERS) t.strictSame(server.get(SLICES, name)?.['endpoints'], endpoints, `${name} is as it was`)
  await publish({ ...pod, ip: undefined })
  t.strictSame(calls.splice(0), [], 'a pod without an address is no endpoint')
  await publish({ ...pod, ip: 'fd00::1' })
  t.match(server.get(SLICES, 'six')?.['endpoints'], [{ addresses: ['fd00::1'] }], 'its own family')
})
