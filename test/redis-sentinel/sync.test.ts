/** Of src/redis-sentinel/sync.ts and addresses.ts: what exists when, and what stays. */
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { ConfigMap } from 'kubernetes-types/core/v1.js'
import t from 'tap'
import type { Observed, Parent } from '../../src/metadata/children.ts'
import { SETTINGS_ANNOTATION } from '../../src/redis/pod.ts'
import { addresses, complete } from '../../src/redis-sentinel/addresses.ts'
import { redisSentinelNames } from '../../src/metadata/names.ts'
import { syncRedisSentinel } from '../../src/redis-sentinel/sync.ts'
import { child, CLAIM, frozen, names, NOTHING, NOW, observedOf, pod, pods, redisSentinel, settledObserved } from '../fixtures.ts'

const answer = (parent: Parent, observed: Observed = NOTHING) => syncRedisSentinel(parent, frozen(observed), NOW)
const there = settledObserved('redis-sentinel')
const statefulSets = (parent: Parent, observed: Observed) => answer(parent, observed).children.filter(({ kind }) => kind === 'StatefulSet') as StatefulSet[]
const replicasOf = (parent: Parent, observed: Observed) => statefulSets(parent, observed).map(({ spec }) => spec?.replicas)
const env = (parent: Parent, observed: Observed, component = 'redis') =>
  child<ConfigMap>(answer(parent, observed).children, 'ConfigMap', `demo-${component}-config`).data?.['cluster.env'] ?? ''
const variable = (text: string, name: string) => new RegExp(`^${name}='(.*)'$`, 'm').exec(text)?.[1]
const withServices = (observed: Observed, keep: (name: string) => boolean): Observed =>
  ({ ...observed, services: observed.services.filter(({ metadata }) => keep(metadata?.name ?? '')) })
const podServices = (parent: Parent, observed: Observed) => names(answer(parent, observed).children).filter((name) => /^Service .*-\d$/.test(name))

t.test('first come the Services of the pods, and no pod', async (t) => {
  const { children, status, resyncAfterSeconds } = answer(redisSentinel())
  t.strictSame(names(children), [
    'ConfigMap demo-state',
    'Service demo-redis-master', 'Service demo-redis', 'Service demo-sentinel', 'Service demo-redis-headless', 'Service demo-sentinel-headless',
    'Service demo-redis-0', 'Service demo-redis-1', 'Service demo-redis-2', 'Service demo-sentinel-0', 'Service demo-sentinel-1', 'Service demo-sentinel-2',
    'PodDisruptionBudget demo-redis', 'PodDisruptionBudget demo-sentinel',
  ])
  t.match(status, { phase: 'Pending', conditions: [{ type: 'Ready', reason: 'ChildrenMissing', message: /StatefulSet demo-redis/ }, {}, {}, {}] })
  t.equal(resyncAfterSeconds, 5)
})

for (const missing of ['demo-redis-0', 'demo-redis-2', 'demo-sentinel-1']) {
  t.test(`no StatefulSet and no ConfigMap while ${missing} has no address`, async (t) => {
    const first = observedOf(answer(redisSentinel()).children)
    const without = withServices(first, (name) => name !== missing)
    t.notOk(names(answer(redisSentinel(), without).children).some((name) => /StatefulSet|-config/.test(name)))
    for (const clusterIP of ['', 'None', undefined]) {
      const services = first.services.map((service) => service.metadata?.name === missing
        ? { ...service, spec: { ...service.spec, ...(clusterIP === undefined ? { clusterIP: undefined as never } : { clusterIP }) } }
        : service)
      t.strictSame(statefulSets(redisSentinel(), { ...first, services }), [], `clusterIP ${clusterIP}`)
    }
  })
}

t.test('with all addresses observed the ConfigMaps and StatefulSets are wanted, in order of ordinals', async (t) => {
  const observed = observedOf(answer(redisSentinel()).children)
  t.strictSame(replicasOf(redisSentinel(), observed), [3, 3])
  const ip = (name: string) => observed.services.find(({ metadata }) => metadata?.name === name)?.spec?.clusterIP
  for (const component of ['redis', 'sentinel']) {
    const text = env(redisSentinel(), observed, component)
    t.equal(variable(text, 'REDIS_ADDRESSES'), [0, 1, 2].map((n) => ip(`demo-redis-${n}`)).join(' '))
    t.equal(variable(text, 'SENTINEL_ADDRESSES'), [0, 1, 2].map((n) => ip(`demo-sentinel-${n}`)).join(' '))
    t.equal(variable(text, 'SENTINEL_IDS')?.split(' ').length, 3)
    t.equal(variable(text, 'LAST_MASTER'), '')
  }
})

t.test('what exists is never withheld: with every Service gone ConfigMaps and StatefulSets stay as they are', async (t) => {
  const { children, status } = answer(redisSentinel(), { ...there, services: [] })
  const before = answer(redisSentinel(), there).children
  for (const name of ['demo-redis-config', 'demo-sentinel-config']) t.strictSame(child(children, 'ConfigMap', name), child(before, 'ConfigMap', name))
  for (const name of ['demo-redis', 'demo-sentinel']) t.strictSame(child(children, 'StatefulSet', name), child(before, 'StatefulSet', name))
  t.match(status.conditions?.[3], { type: 'Applied', status: 'False', reason: 'ChildrenMissing' })
})

t.test('the label that Metacontroller adds is not answered back', async (t) => {
  const configMaps = there.configMaps.map((one) => ({ ...one, metadata: { ...one.metadata, labels: { ...one.metadata?.labels, 'controller-uid': 'u' }, resourceVersion: '7' } }))
  const { children } = answer(redisSentinel(), { ...there, configMaps, services: [] })
  t.strictSame(Object.keys(child<ConfigMap>(children, 'ConfigMap', 'demo-redis-config').metadata ?? {}), ['name', 'namespace', 'labels'])
  t.notOk('controller-uid' in (child<ConfigMap>(children, 'ConfigMap', 'demo-redis-config').metadata?.labels ?? {}))
})

t.test('scaling up waits for the new addresses with the old pods and the old configuration', async (t) => {
  const parent = redisSentinel({ redisReplicas: 5, sentinelReplicas: 5 })
  t.strictSame(replicasOf(parent, there), [3, 3])
  t.equal(env(parent, there), env(redisSentinel(), there))
  t.ok(names(answer(parent, there).children).includes('Service demo-redis-4'))

  const partly = withServices(observedOf(answer(parent, there).children), (name) => name !== 'demo-redis-4')
  t.strictSame(replicasOf(parent, partly), [3, 3], 'a sentinel that stands in no configuration is not started either')
  t.equal(env(parent, partly), env(redisSentinel(), there))

  const known = observedOf(answer(parent, there).children)
  t.strictSame(replicasOf(parent, known), [5, 5])
  t.equal(variable(env(parent, known), 'REDIS_ADDRESSES')?.split(' ').length, 5)
})

t.test('no pod restarts for a setting that is not in its ConfigMap yet', async (t) => {
  const changed = redisSentinel({ redisReplicas: 5, downAfterMilliseconds: 9000, quorum: 1 })
  const settings = (observed: Observed, parent = changed) => statefulSets(parent, observed).map(({ spec }) => spec?.template.metadata?.annotations?.[SETTINGS_ANNOTATION])
  t.strictSame(settings(there), settings(there, redisSentinel()))
  const known = observedOf(answer(changed, there).children)
  t.not(settings(known)[1], settings(there)[1])
})

t.test('a pod keeps its whole template while an address is unknown', async (t) => {
  const pod = { annotations: { team: 'shop' }, labels: { team: 'shop' } }
  const placed = { redisPod: pod, sentinelPod: pod, auth: { secretName: 'password' } }
  const templates = (parent: Parent, observed: Observed) => statefulSets(parent, observed).map(({ spec }) => spec?.template)
  const settled = settledObserved('redis-sentinel', redisSentinel(placed))
  t.match(templates(redisSentinel(placed), settled), [{ metadata: { annotations: { team: 'shop' } } }, { metadata: { annotations: { team: 'shop' } } }])
  t.strictSame(templates(redisSentinel({ ...placed, redisReplicas: 5 }), settled), templates(redisSentinel(placed), settled), 'scaled')
  const without = withServices(settled, (name) => name !== 'demo-redis-1')
  t.strictSame(templates(redisSentinel(placed), without), templates(redisSentinel(placed), settled), 'a Service is gone')
})

t.test('a running cluster gets a password only together with the ConfigMaps that say that nobody wants it yet', async (t) => {
  const parent = redisSentinel({ auth: { secretName: 'password' }, redisReplicas: 5 })
  const volumes = (observed: Observed) => statefulSets(parent, observed).map(({ spec }) => spec?.template.spec?.volumes?.some(({ name }) => name === 'auth'))
  t.strictSame(volumes(there), [false, false])
  const known = observedOf(answer(parent, there).children)
  t.strictSame(volumes(known), [true, true])
  t.equal(variable(env(parent, known), 'AUTH'), 'open')
})

t.test('a ConfigMap that somebody has emptied stays while an address is unknown', async (t) => {
  const emptied = there.configMaps.map(({ data: _, ...rest }) => rest)
  const without = withServices({ ...there, configMaps: emptied }, (name) => name !== 'demo-redis-1')
  t.strictSame(names(answer(redisSentinel(), without).children).filter((name) => name.endsWith('-config')), ['ConfigMap demo-redis-config', 'ConfigMap demo-sentinel-config'])
})

t.test('scaling down keeps the Services of removed pods, so that nobody else gets their addresses', async (t) => {
  const five = settledObserved('redis-sentinel', redisSentinel({ redisReplicas: 5, sentinelReplicas: 5 }))
  const parent = redisSentinel()
  t.strictSame(podServices(parent, five), podServices(redisSentinel({ redisReplicas: 5, sentinelReplicas: 5 }), five))
  t.strictSame(replicasOf(parent, five), [3, 3])
  t.equal(variable(env(parent, five), 'REDIS_ADDRESSES')?.split(' ').length, 3)
  t.equal(podServices(parent, observedOf(answer(parent, five).children)).length, 10, 'for ever')
})

t.test('a Service that only looks like a removed pod\'s is not taken for one', async (t) => {
  const [some] = there.services
  const like = [
    { ...some, metadata: { name: 'demo-redis-9', labels: {} } },
    { ...some, metadata: { name: 'other-redis-8', labels: { 'cache.iguochan.io/pod': 'other-redis-8' } } },
    { ...some, metadata: { name: 'demo-redis-07', labels: { 'cache.iguochan.io/pod': 'demo-redis-07' } } },
  ]
  t.equal(podServices(redisSentinel(), { ...there, services: [...there.services, ...like] }).length, 6)
})

t.test('what an existing StatefulSet cannot change is echoed as it is, and said', async (t) => {
  const parent = redisSentinel(CLAIM)
  const observed = settledObserved('redis-sentinel', parent)
  const claims = [{ metadata: { name: 'data', creationTimestamp: null }, spec: observed.statefulSets[0]?.spec?.volumeClaimTemplates?.[0]?.spec, status: { phase: 'Pending' } }]
  const old = observed.statefulSets.map((one) => one.metadata?.name === 'demo-redis'
    ? { ...one, spec: { ...one.spec, serviceName: 'old', podManagementPolicy: 'OrderedReady', volumeClaimTemplates: claims } } as unknown as StatefulSet
    : one)
  const grown = answer(redisSentinel({ storage: { size: '2Gi' } }), { ...observed, statefulSets: old })
  t.match(child<StatefulSet>(grown.children, 'StatefulSet', 'demo-redis').spec, { serviceName: 'old', podManagementPolicy: 'OrderedReady' })
  t.strictSame(child<StatefulSet>(grown.children, 'StatefulSet', 'demo-redis').spec?.volumeClaimTemplates, claims)
  t.match(grown.status.conditions?.[3], { type: 'Applied', status: 'False', reason: 'ImmutableField', message: /^StatefulSet demo-redis:/ })
})

const invalid: Record<string, object> = {
  'the schema': { redisReplicas: 9 }, 'an even number of sentinels': { sentinelReplicas: 4 }, 'a quorum that cannot be reached': { quorum: 5 },
}
for (const [rule, fields] of Object.entries(invalid)) {
  t.test(`a spec against ${rule} keeps the children of the last valid one`, async (t) => {
    const parent = redisSentinel(fields, { metadata: { generation: 2 } })
    const { status, children } = answer(parent, { ...there, pods: pods() })
    t.strictSame(children, answer(redisSentinel(), { ...there, pods: pods() }).children)
    t.match(status, { phase: 'Error', conditions: [{ type: 'Ready', status: 'True' }, { type: 'Available', status: 'True' }, { type: 'SpecValid', status: 'False', reason: 'InvalidSpec', observedGeneration: 2 }, {}] })
    t.match(answer(parent), { children: [], status: { phase: 'Error' } }, 'nothing where nothing exists')
    const forgotten = { ...there, configMaps: there.configMaps.filter(({ metadata }) => metadata?.name !== 'demo-state') }
    t.throws(() => answer(parent, forgotten), /holds no valid one/, 'no answer where the memory is gone')
  })
}

t.test('LAST_MASTER follows the label and outlives it', async (t) => {
  const ip = (name: string) => there.services.find(({ metadata }) => metadata?.name === name)?.spec?.clusterIP
  const labelled = { ...there, pods: [pod('demo-redis-0', { role: 'slave' }), pod('demo-redis-1', { role: 'master' })] }
  t.equal(variable(env(redisSentinel(), labelled), 'LAST_MASTER'), ip('demo-redis-1'))

  const remembered = observedOf(answer(redisSentinel(), labelled).children)
  t.equal(variable(env(redisSentinel(), remembered), 'LAST_MASTER'), ip('demo-redis-1'), 'no pod at all')
  const several = { ...remembered, pods: [pod('demo-redis-0', { role: 'master' }), pod('demo-redis-2', { role: 'master' })] }
  t.equal(variable(env(redisSentinel(), several), 'LAST_MASTER'), ip('demo-redis-1'), 'two say nothing')
  const next = { ...remembered, pods: [pod('demo-redis-2', { role: 'master' })] }
  t.equal(variable(env(redisSentinel(), next), 'LAST_MASTER'), ip('demo-redis-2'))
  const foreign = { ...remembered, pods: [pod('demo-redis-2', { role: 'master', owner: 'another' })] }
  t.equal(variable(env(redisSentinel(), foreign), 'LAST_MASTER'), ip('demo-redis-1'), 'nor does another\'s pod')
})

t.test('a new master changes no pod template', async (t) => {
  const roles = (master: number) => ({ ...there, pods: [0, 1, 2].map((n) => pod(`demo-redis-${n}`, { role: n === master ? 'master' : 'slave' })) })
  t.strictSame(statefulSets(redisSentinel(), roles(1)), statefulSets(redisSentinel(), roles(0)))
})

t.test('addresses come by ordinal, with a hole where there is none', async (t) => {
  const some = addresses(withServices(there, (name) => name !== 'demo-redis-1'), redisSentinelNames('demo'), 'redis', 3)
  t.match(some, [/^192\.0\.2\./, undefined, /^192\.0\.2\./])
  t.notOk(complete(some))
  t.ok(complete([]))
})
