import fc from 'fast-check'
import t from 'tap'
import { byName } from '../../src/metadata/children.ts'
import { commonLabels, type Identity, selectorLabels } from '../../src/metadata/labels.ts'
import { ordinalOf, parentPrefix, podName, redisNames, redisSentinelNames, sentinelId } from '../../src/metadata/names.ts'

/** What the CRD's rule on metadata.name lets through, at any length that Kubernetes allows. */
const crName = fc.tuple(
  fc.constantFrom(...'abz'),
  fc.string({ unit: fc.constantFrom(...'abz059-'), maxLength: 12 }),
  fc.integer({ min: 1, max: 253 }),
).map(([first, some, length]) => `${first}${some}`.padEnd(length, `${some}x`).slice(0, 253).replace(/-+$/, ''))

const LABEL = /^[a-z]([-a-z0-9]*[a-z0-9])?$/
const flat = (names: object): string[] => Object.values(names).flatMap((value) => (typeof value === 'string' ? [value] : flat(value as object)))

t.test('at any length of the parent\'s name every child\'s name is a DNS label of at most 63 characters', async (t) => {
  fc.assert(fc.property(crName, (name) => {
    const sentinel = redisSentinelNames(name)
    const pods = [sentinel.redis, sentinel.sentinel].flatMap(({ statefulSet }) => [podName(statefulSet, 0), podName(statefulSet, 6)])
    for (const child of [...flat(redisNames(name)), ...flat(sentinel), ...pods]) {
      if (!LABEL.test(child) || child.length > 63) throw new Error(`${child} (${child.length})`)
    }
  }), { numRuns: 500 })
  t.pass()
})

t.test('a StatefulSet\'s name leaves room for the hash in the label controller-revision-hash: at most 52 characters', async (t) => {
  for (const length of [1, 42, 43, 44, 63, 253]) {
    const name = 'n'.repeat(length)
    for (const statefulSet of [redisNames(name).statefulSet, redisSentinelNames(name).redis.statefulSet, redisSentinelNames(name).sentinel.statefulSet]) {
      t.ok(statefulSet.length <= 52, `${length} -> ${statefulSet.length}`)
    }
  }
  t.equal(redisSentinelNames('n'.repeat(253)).sentinel.statefulSet.length, 52, 'the whole room is used')
})

t.test('parents of different names share no child', async (t) => {
  fc.assert(fc.property(crName, crName, fc.nat(5), (one, other, tail) => {
    // names that differ only where they are cut off are the hard case
    for (const [a, b] of [[one, other], [one, `${one.slice(0, 200)}${tail}x`]] as const) {
      if (a === b) continue
      for (const namesOf of [redisNames, redisSentinelNames]) {
        const shared = flat(namesOf(a)).filter((name) => flat(namesOf(b)).includes(name))
        if (shared.length > 0) throw new Error(`${a} and ${b} share ${shared}`)
      }
    }
  }), { numRuns: 300 })
  t.pass()
})

t.test('the names of one parent differ within each kind of object', async (t) => {
  const { redis, sentinel, master, state } = redisSentinelNames('demo')
  const services = [master, ...[redis, sentinel].flatMap((part) => [part.service, part.headless, podName(part.statefulSet, 0)])]
  t.equal(new Set(services).size, services.length)
  t.equal(new Set([state, redis.config, sentinel.config]).size, 3)
})

t.test('a short name is kept as it is, a long one is its head and a hash of the whole', async (t) => {
  t.equal(parentPrefix('demo'), 'demo')
  t.equal(parentPrefix('n'.repeat(43)), 'n'.repeat(43))
  t.match(parentPrefix('n'.repeat(44)), /^n{34}-[0-9a-f]{8}$/)
  t.match(parentPrefix(`${'n'.repeat(30)}-----${'n'.repeat(30)}`), /^n{30}-[0-9a-f]{8}$/, 'no two hyphens in a row at the cut')
})

t.test('the names that users and dashboards depend on', async (t) => {
  t.strictSame(redisNames('demo'), {
    prefix: 'demo', statefulSet: 'demo-redis', service: 'demo-svc', headless: 'demo-headless', exporter: 'demo-exporter', config: 'demo-config', state: 'demo-state', networkPolicy: 'demo-redis', binding: 'demo-binding', secretAccess: 'demo-sentinel-probe',
  })
  t.strictSame(redisSentinelNames('demo'), {
    prefix: 'demo',
    master: 'demo-redis-master',
    redis: { statefulSet: 'demo-redis', service: 'demo-redis', headless: 'demo-redis-headless', config: 'demo-redis-config', podDisruptionBudget: 'demo-redis', networkPolicy: 'demo-redis' },
    sentinel: { statefulSet: 'demo-sentinel', service: 'demo-sentinel', headless: 'demo-sentinel-headless', config: 'demo-sentinel-config', podDisruptionBudget: 'demo-sentinel', networkPolicy: 'demo-sentinel' },
    state: 'demo-state',
    secretAccess: 'demo-sentinel-probe',
    binding: 'demo-binding',
  })
})

t.test('an ordinal is what a pod\'s name ends in', async (t) => {
  for (const ordinal of [0, 6, 10]) t.equal(ordinalOf(podName('demo-redis', ordinal)), ordinal)
  for (const name of ['demo-redis', 'demo-redis-', 'demo-redis-x1', '']) t.equal(ordinalOf(name), undefined, name)
})

t.test('a sentinel\'s id depends on namespace, parent and ordinal and is what redis accepts', async (t) => {
  const ids = [sentinelId('a', 'b', 0), sentinelId('a', 'b', 1), sentinelId('a', 'c', 0), sentinelId('b', 'b', 0)]
  t.equal(new Set(ids).size, 4)
  t.ok(ids.every((id) => /^[0-9a-f]{40}$/.test(id)))
  t.equal(sentinelId('default', 'demo', 0), 'bfbfbf706988a69b14e091f39f391d9fa157744a', 'the same for ever')
})

const identity: Identity = { app: 'redis-sentinel', component: 'sentinel', name: 'demo' }

t.test('every object carries its selector and the recommended labels', async (t) => {
  t.strictSame(selectorLabels(identity), { app: 'redis-sentinel', component: 'sentinel', name: 'demo' })
  t.strictSame(commonLabels(identity), {
    app: 'redis-sentinel',
    component: 'sentinel',
    name: 'demo',
    'app.kubernetes.io/component': 'sentinel',
    'app.kubernetes.io/instance': 'demo',
    'app.kubernetes.io/managed-by': 'redis-operator',
    'app.kubernetes.io/name': 'redis-sentinel',
  })
})

t.test('label values fit into 63 characters for a parent of any name', async (t) => {
  const labels = commonLabels({ ...identity, name: parentPrefix('n'.repeat(253)) })
  for (const value of Object.values(labels)) t.ok(value.length <= 63, value)
})

t.test('an object is found by its name, also among objects without one', async (t) => {
  const objects = [{}, { metadata: {} }, { metadata: { name: 'a' } }]
  t.equal(byName(objects, 'a'), objects[2])
  t.equal(byName(objects, 'b'), undefined)
})
