import t from 'tap'
import { Groups } from '../../src/hook/objects.ts'
import { pod, pods, recorded, settled } from '../fixtures.ts'

const object = (kind: string, rest: object = {}) => ({ apiVersion: 'v1', kind, metadata: { name: 'a' }, ...rest })

t.test('objects as the API server and Metacontroller write them are taken, whatever else they hold', async (t) => {
  const { children } = settled('redis-sentinel').request
  t.strictSame(Groups.parse(children), children)
  t.match(Groups.parse(recorded('sync-settled').children), recorded('sync-settled').children)
  const related = { 'Pod.v1': Object.fromEntries(pods().map((one) => [`shop/${one.metadata?.name}`, one])) }
  t.strictSame(Groups.parse(related), related)
  t.ok(Groups.safeParse({ 'Widget.example.com/v1': { a: object('Widget', { spec: 7 }) } }).success, 'another kind is not looked into')
})

const damaged: Record<string, object> = {
  'an address that a shell would read': { 'Service.v1': { a: object('Service', { spec: { clusterIP: '1.2.3.4; reboot' } }) } },
  'an address that is a number': { 'Service.v1': { a: object('Service', { spec: { clusterIP: 1 } }) } },
  'data that is no text': { 'ConfigMap.v1': { a: object('ConfigMap', { data: { spec: {} } }) } },
  'a negative number of pods': { 'StatefulSet.apps/v1': { a: object('StatefulSet', { spec: { replicas: -1, selector: {}, template: {} } }) } },
  'a StatefulSet without a template': { 'StatefulSet.apps/v1': { a: object('StatefulSet', { spec: { selector: {} } }) } },
  'claims that are no list': { 'StatefulSet.apps/v1': { a: object('StatefulSet', { spec: { selector: {}, template: {}, volumeClaimTemplates: {} } }) } },
  'labels that are no texts': { 'Pod.v1': { a: object('Pod', { metadata: { name: 'a', labels: { 'redis-role': 1 } } }) } },
  'owners that are no list': { 'Pod.v1': { a: object('Pod', { metadata: { name: 'a', ownerReferences: {} } }) } },
  'conditions that are no list': { 'Pod.v1': { a: { ...pod('a-0'), status: { conditions: 'Ready' } } } },
  'an object without a name': { 'Widget.example.com/v1': { a: { apiVersion: 'v1', kind: 'Widget', metadata: {} } } },
}
for (const [name, groups] of Object.entries(damaged)) {
  t.test(`refused is ${name}`, async (t) => {
    t.notOk(Groups.safeParse(groups).success)
  })
}
