import t from 'tap'
import { KINDS, sync } from '../../src/hook/kinds.ts'
import {
  observed, RedisCustomizeRequest, RedisSentinelCustomizeRequest, RedisSentinelSyncRequest, RedisSyncRequest
} from '../../src/hook/request.ts'
import type { Groups } from '../../src/hook/objects.ts'
import { NOTHING, controller, customizeRequest, NOW, pod, recorded, resource, syncRequest } from '../fixtures.ts'

for (const name of ['sync-first', 'sync-creating', 'sync-settled']) {
  t.test(`a request as the real Metacontroller sent it is read and answered: ${name}`, async (t) => {
    const request = recorded(name)
    const parsed = RedisSentinelSyncRequest.parse(request)
    t.match(parsed.parent, request.parent, 'with all that it carries')
    const { children, status } = sync(KINDS['redis-sentinel'], parsed, NOW)
    t.match(status, { phase: 'Pending' })
    t.ok(children.length >= 14)
  })
}

t.test('a customize request as the real Metacontroller sent it is read', async (t) => {
  t.ok(RedisSentinelCustomizeRequest.safeParse(recorded('customize')).success)
})

t.test('null where Go has nil is nothing', async (t) => {
  t.ok(RedisSyncRequest.safeParse({ ...syncRequest('redis'), related: null }).success)
  const nil = { ...controller('redis'), spec: { childResources: null } }
  t.strictSame(RedisSyncRequest.parse({ ...syncRequest('redis'), controller: nil }).controller.spec.childResources, [])
})

t.test('fields of a later version stop no sync', async (t) => {
  const later = { ...syncRequest('redis'), added: { a: 1 }, controller: { ...controller('redis'), added: 1 } }
  t.ok(RedisSyncRequest.safeParse(later).success)
})

const wrong: Record<string, object> = {
  'no controller': { controller: undefined },
  'no parent': { parent: undefined },
  'a parent of another kind': { parent: resource('redis-sentinel') },
  'a parent without a namespace': { parent: { ...resource('redis'), metadata: { name: 'demo', uid: 'u' } } },
  'no children': { children: undefined },
  'children in a list': { children: [] },
  'a null child': { children: { 'Service.v1': { a: null } } },
  'a child without a name': { children: { 'Service.v1': { a: { apiVersion: 'v1', kind: 'Service', metadata: {} } } } },
}
for (const [name, change] of Object.entries(wrong)) {
  t.test(`a request with ${name} is refused`, async (t) => {
    t.notOk(RedisSyncRequest.safeParse({ ...syncRequest('redis'), ...change }).success)
  })
}

t.test('a customize request needs its parent only', async (t) => {
  t.ok(RedisCustomizeRequest.safeParse(customizeRequest('redis')).success)
  t.notOk(RedisCustomizeRequest.safeParse(customizeRequest('redis', resource('redis-sentinel'))).success)
})

t.test('groups are lists in the order of names, whatever the keys are called', async (t) => {
  const objects = ['b', 'a', 'c'].map((name) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name } }))
  for (const prefix of ['', 'shop/']) {
    const group = Object.fromEntries(objects.map((one) => [`${prefix}${one.metadata.name}`, one]))
    t.strictSame(observed({ 'Service.v1': group }, {}).services.map(({ metadata }) => metadata?.name), ['a', 'b', 'c'])
  }
})

t.test('groups that are not there are empty, and pods and claims are related, never children', async (t) => {
  t.strictSame(observed({}, {}), NOTHING)
  const groups = { 'Pod.v1': { 'p-0': pod('p-0') }, 'PersistentVolumeClaim.v1': { 'data-p-0': pod('data-p-0') } } as unknown as Groups
  t.strictSame(observed(groups, {}), NOTHING)
  t.match(observed({}, groups), { pods: [{ metadata: { name: 'p-0' } }], volumeClaims: [{ metadata: { name: 'data-p-0' } }] })
})
