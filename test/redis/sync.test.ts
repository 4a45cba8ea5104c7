/** Of src/redis/sync.ts, services.ts and config-map.ts. */
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { ConfigMap, Service } from 'kubernetes-types/core/v1.js'
import t from 'tap'
import type { Observed, Parent } from '../../src/metadata/children.ts'
import { redisIdentity, syncRedis } from '../../src/redis/sync.ts'
import { child, CLAIM, frozen, names, NOTHING, NOW, observedOf, pod, redis, settled, settledObserved } from '../fixtures.ts'

const answer = (parent: Parent, observed: Observed = NOTHING) => syncRedis(parent, frozen(observed), NOW)
const serviceOf = (parent: Parent, name: string) => child<Service>(answer(parent).children, 'Service', name)

t.test('everything is wanted at once, in a fixed order', async (t) => {
  t.strictSame(names(answer(redis()).children), [
    'ConfigMap demo-config', 'ConfigMap demo-state', 'Service demo-svc', 'Service demo-headless', 'Service demo-exporter', 'StatefulSet demo-redis',
  ])
})

t.test('every child is in the parent\'s namespace and carries the common labels', async (t) => {
  for (const { metadata } of answer(redis()).children) {
    t.match(metadata, { namespace: 'shop', labels: { app: 'redis', component: 'redis', name: 'demo', 'app.kubernetes.io/managed-by': 'redis-operator' } })
  }
})

t.test('redis answers on 6379, and on a node port only when one is given', async (t) => {
  t.match(serviceOf(redis({ nodePort: 31000 }), 'demo-svc').spec, { type: 'NodePort', ports: [{ name: 'redis', port: 6379, targetPort: 6379, nodePort: 31000 }] })
  const inside = serviceOf(redis({ nodePort: undefined }), 'demo-svc').spec
  t.equal(inside?.type, 'ClusterIP')
  t.notOk('nodePort' in (inside?.ports?.[0] ?? {}))
})

t.test('the headless Service names pods that are not ready yet', async (t) => {
  t.match(serviceOf(redis(), 'demo-headless').spec, { clusterIP: 'None', publishNotReadyAddresses: true, selector: { app: 'redis', name: 'demo' } })
})

t.test('the exporter has a Service on its own port, only when it is enabled', async (t) => {
  t.match(serviceOf(redis({ exporter: { enable: true, port: 9200 } }), 'demo-exporter').spec, { type: 'ClusterIP', ports: [{ name: 'metrics', port: 9200, targetPort: 9200 }] })
  for (const exporter of [undefined, {}, { enable: false }]) {
    const { children } = answer(redis({ exporter }))
    t.notOk(names(children).includes('Service demo-exporter'), JSON.stringify(exporter))
    t.equal(child<StatefulSet>(children, 'StatefulSet', 'demo-redis').spec?.template.spec?.containers.length, 1)
  }
})

t.test('redis.conf keeps every acknowledged write of more than a second ago', async (t) => {
  const conf = child<ConfigMap>(answer(redis()).children, 'ConfigMap', 'demo-config').data?.['redis.conf']?.split('\n') ?? []
  for (const line of ['appendonly yes', 'appendfsync everysec', 'aof-load-truncated yes', 'dir /data', 'port 6379']) t.ok(conf.includes(line), line)
})

t.test('while a child is missing it says which, and asks to be called again', async (t) => {
  const { children } = settled('redis', redis()).response
  const observed = observedOf(children.filter(({ kind }) => kind !== 'StatefulSet'))
  const { status, resyncAfterSeconds } = answer(redis(), observed)
  t.match(status.conditions, [{ type: 'Ready', status: 'False', reason: 'ChildrenMissing' }, { type: 'SpecValid', status: 'True' }, { type: 'Applied', status: 'False', message: /StatefulSet demo-redis/ }])
  t.equal(resyncAfterSeconds, 5)
})

t.test('with everything there it asks for nothing more', async (t) => {
  const { status, resyncAfterSeconds } = answer(redis(), settledObserved('redis', redis(), [pod('demo-redis-0')]))
  t.equal(resyncAfterSeconds, undefined)
  t.match(status, { phase: 'Ready', endpoint: 'demo-svc.shop.svc:6379', conditions: [{ status: 'True' }, { status: 'True' }, { status: 'True', reason: 'AllApplied' }] })
})

t.test('what an existing StatefulSet cannot change is echoed as it is, and said', async (t) => {
  const observed = settledObserved('redis', redis(CLAIM))
  const there = observed.statefulSets[0] as StatefulSet
  // as an API server writes it back, nulls of an old one included
  const claims = [{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data', creationTimestamp: null }, spec: there.spec?.volumeClaimTemplates?.[0]?.spec, status: { phase: 'Pending' } }]
  const old = { ...there, spec: { ...there.spec, serviceName: 'old-headless', podManagementPolicy: 'OrderedReady', volumeClaimTemplates: claims } } as unknown as StatefulSet
  const before = { ...observed, statefulSets: [old] }

  const same = answer(redis(CLAIM), before)
  t.match(child<StatefulSet>(same.children, 'StatefulSet', 'demo-redis').spec, { serviceName: 'old-headless', podManagementPolicy: 'OrderedReady', selector: there.spec?.selector })
  t.strictSame(child<StatefulSet>(same.children, 'StatefulSet', 'demo-redis').spec?.volumeClaimTemplates, claims)
  t.match(same.status.conditions?.[2], { type: 'Applied', status: 'True' })

  const grown = answer(redis({ storage: { size: '2Gi' } }), before)
  t.strictSame(child<StatefulSet>(grown.children, 'StatefulSet', 'demo-redis').spec?.volumeClaimTemplates, claims)
  t.match(grown.status.conditions?.[2], { type: 'Applied', status: 'False', reason: 'ImmutableField', message: /StatefulSet demo-redis/ })
})

t.test('the same size in other words is no change', async (t) => {
  const observed = settledObserved('redis', redis(CLAIM))
  t.match(answer(redis({ storage: { size: '1024Mi' } }), observed).status.conditions?.[2], { type: 'Applied', status: 'True' })
})

t.test('a parent with a long name has children that find each other', async (t) => {
  const parent = redis({}, { metadata: { name: 'n'.repeat(253) } })
  const { children } = answer(parent)
  const { name } = redisIdentity(parent)
  t.ok(children.every(({ metadata }) => metadata?.name?.startsWith(name)))
  t.match(child<StatefulSet>(children, 'StatefulSet', `${name}-redis`).spec, { serviceName: `${name}-headless`, selector: { matchLabels: { name } } })
})
