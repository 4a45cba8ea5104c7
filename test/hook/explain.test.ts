import t from 'tap'
import { explain } from '../../src/hook/explain.ts'
import type { RequestBody } from '../../src/hook/rehearse.ts'
import { controller, KIND_NAMES, NOW, redisSentinel, resource, settled, syncRequest } from '../fixtures.ts'

const actions = (name: typeof KIND_NAMES[number], request: RequestBody) => explain(name, request, NOW).explanations
const of = (explanations: ReturnType<typeof actions>, child: string) => explanations.find((one) => one.child === child)

for (const name of KIND_NAMES) {
  t.test(`${name}: when all is settled every child is kept`, async (t) => {
    t.ok(actions(name, settled(name).request).every(({ action }) => action === 'keep'))
  })

  t.test(`${name}: in an empty cluster children are created, or withheld until they can be`, async (t) => {
    const all = actions(name, syncRequest(name))
    t.equal(all.length, settled(name).response.children.length, 'each child is named once')
    t.ok(all.every(({ action }) => action === 'create' || action === 'withheld'))
  })
}

t.test('a StatefulSet is withheld until all addresses are known', async (t) => {
  t.match(of(actions('redis-sentinel', syncRequest('redis-sentinel')), 'StatefulSet demo-redis'), { action: 'withheld', why: /addresses of all pods' Services/ })
  const { request } = settled('redis-sentinel')
  const services = Object.fromEntries(Object.entries(request.children['Service.v1'] ?? {}).map(([key, service]) =>
    [key, key.endsWith('/demo-redis-1') ? { ...service, spec: {} } : service]))
  const started = { ...request, children: { 'Service.v1': services } }
  t.match(of(actions('redis-sentinel', started), 'StatefulSet demo-redis'), { action: 'withheld', why: /without one: Service demo-redis-1/ })
})

t.test('a change names its fields, and says when pods are replaced', async (t) => {
  const { request } = settled('redis-sentinel')
  const changed = (fields: object) => actions('redis-sentinel', { ...request, parent: redisSentinel(fields) })
  t.match(of(changed({ image: 'redis:7.2' }), 'StatefulSet demo-redis'), { action: 'change', why: /otherwise: spec\.template\.spec\..*; its pods are replaced one by one/ })
  t.match(of(changed({ nodePort: 30999 }), 'Service demo-redis'), { action: 'change', why: /^otherwise: spec\.(type|ports)[^;]*$/ })
})

t.test('what is there and not desired will be deleted', async (t) => {
  const { request } = settled('redis')
  const extra = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'left', namespace: 'shop' } }
  const children = { ...request.children, 'ConfigMap.v1': { ...request.children['ConfigMap.v1'], 'shop/left': extra } }
  t.match(of(actions('redis', { ...request, children }), 'ConfigMap left'), { action: 'delete' })
})

t.test('a refused spec has no children, and the status says why', async (t) => {
  const { explanations, status } = explain('redis', { ...syncRequest('redis'), controller: controller('redis'), parent: resource('redis', { spec: { image: 7 } }) }, NOW)
  t.strictSame(explanations, [])
  t.match(status, { phase: 'Error' })
})
