/** Claims that follow the spec, against the fake API server; test/cluster/life-cycle.test.ts does it on a real one. */
import { pino } from 'pino'
import t from 'tap'
import { createApiClient } from '../../src/probe/api-client.ts'
import type { EventReason } from '../../src/probe/events.ts'
import { followParents } from '../../src/probe/parents.ts'
import { startVolumeGrowth } from '../../src/probe/volume-growth.ts'
import { createFakeApiServer } from './fake-api-server.ts'
import { until } from './lab.ts'

const CLAIMS = '/api/v1/persistentvolumeclaims'
const REDIS = '/apis/cache.iguochan.io/v1/redis'
const SENTINELS = '/apis/cache.iguochan.io/v1/redissentinels'

interface Claim { spec: { resources: { requests: { storage: string } } } }

async function start (t: Tap) {
  const fake = createFakeApiServer()
  await fake.start()
  const api = createApiClient({ server: fake.url(), namespace: 'ns', token: async () => 'token' })
  const events: [EventReason, string][] = []
  const clock = { ahead: 0 }
  const lease = { held: true }
  const log = pino({ level: 'silent' })
  const parents = followParents({ api, log, namespace: '', onChange: () => growth.wake() })
  const growth = startVolumeGrowth({
    api,
    log,
    namespace: '',
    parents,
    mayAct: () => lease.held,
    now: () => performance.now() + clock.ahead,
    publishEvent: ({ kind, name }, reason, message) => events.push([reason, `${kind} ${name}: ${message}`]),
  })
  t.teardown(async () => { parents.stop(); growth.stop(); api.close(); await fake.stop() })
  const claim = (name: string, storage: string, phase = 'Bound') => fake.put(CLAIMS, {
    metadata: { name, namespace: 'ns', labels: { app: name.includes('cache') ? 'redis-sentinel' : 'redis', component: 'redis' } },
    spec: { resources: { requests: { storage } } },
    status: { phase },
  })
  const size = (name: string) => (fake.get(CLAIMS, name) as Claim | undefined)?.spec.resources.requests.storage
  const parent = (collection: string, name: string, spec: object) => fake.put(collection, { metadata: { name, namespace: 'ns', uid: `uid-${name}` }, spec })
  return { fake, growth, events, clock, lease, claim, size, parent }
}
type Tap = Pick<typeof t, 'teardown'>

await t.test('claims of both kinds grow when the spec does, and no other ones', async (t) => {
  const { events, claim, size, parent } = await start(t)
  for (const name of ['data-cache-redis-0', 'data-cache-redis-1', 'data-cache-redis-2', 'data-one-redis-0', 'data-cache-redis-4']) claim(name, '1Gi')
  claim('data-cache-redis-3', '1Gi', 'Pending')
  parent(SENTINELS, 'cache', { redisReplicas: 4, storage: { size: '2048Mi' } })
  parent(REDIS, 'one', { storage: { size: '1.5Gi' } })
  await until('all have grown', () => ['data-cache-redis-0', 'data-cache-redis-1', 'data-cache-redis-2'].every((name) => size(name) === '2Gi') && size('data-one-redis-0') === '1536Mi')
  t.equal(size('data-cache-redis-4'), '1Gi', 'of a removed ordinal')
  t.equal(size('data-cache-redis-3'), '1Gi', 'not bound: the API server would refuse it')
  claim('data-cache-redis-3', '1Gi')
  await until('that one grows when it is bound', () => size('data-cache-redis-3') === '2Gi')
  await until('each is told', () => events.length >= 5)
  t.strictSame(events.map(([reason]) => reason), Array(5).fill('VolumeGrows'))
  t.ok(events.some(([, text]) => text === 'Redis one: data-one-redis-0 grows from 1Gi to 1536Mi'))
})

await t.test('a claim never shrinks, an invalid size changes nothing, and a size counts even when the rest of the spec is invalid', async (t) => {
  const { claim, size, parent } = await start(t)
  claim('data-cache-redis-0', '3Gi')
  claim('data-one-redis-0', '1Gi')
  parent(SENTINELS, 'cache', { redisReplicas: 1, storage: { size: '2Gi' } })
  parent(REDIS, 'one', { storage: { size: 'much' } })
  parent(REDIS, 'one', { storage: { size: '2Gi' }, nodePort: 1 })
  await until('it has grown', () => size('data-one-redis-0') === '2Gi')
  t.equal(size('data-cache-redis-0'), '3Gi')
})

await t.test('without the Lease nothing is written; with it, what was waiting is', async (t) => {
  const { growth, lease, claim, size, parent, events } = await start(t)
  lease.held = false
  claim('data-one-redis-0', '1Gi')
  parent(REDIS, 'one', { storage: { size: '2Gi' } })
  claim('data-two-redis-0', '1Gi')
  growth.wake()
  t.equal(size('data-one-redis-0'), '1Gi')
  lease.held = true
  growth.wake()
  await until('it grows', () => size('data-one-redis-0') === '2Gi')
  await until('and an event says so', () => events.length === 1)
})

await t.test('a refusal is an event, is tried again after a while, and at once for another size', async (t) => {
  const { fake, growth, clock, claim, size, parent, events } = await start(t)
  const refuse = fake.refusePatches('only dynamically provisioned pvc can be resized')
  claim('data-one-redis-0', '1Gi')
  parent(REDIS, 'one', { storage: { size: '2Gi' } })
  await until('it is refused', () => events.length === 1)
  t.match(events[0], ['VolumeNotGrown', /^Redis one: data-one-redis-0 stays at 1Gi instead of 2Gi: .*only dynamically provisioned/])
  parent(REDIS, 'one', { storage: { size: '3Gi' } })
  await until('the other size is refused, too', () => events.length === 2)
  refuse.end()
  growth.wake()
  t.equal(size('data-one-redis-0'), '1Gi')
  clock.ahead = 61_000
  growth.wake()
  await until('it grows', () => size('data-one-redis-0') === '3Gi')
})
