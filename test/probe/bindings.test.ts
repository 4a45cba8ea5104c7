/** Secrets for applications, against the fake API server; test/cluster/auth.test.ts makes one on a real one. */
import { pino } from 'pino'
import t from 'tap'
import { createApiClient } from '../../src/probe/api-client.ts'
import { startBindings } from '../../src/probe/bindings.ts'
import { followParents } from '../../src/probe/parents.ts'
import { createFakeApiServer } from './fake-api-server.ts'
import { until } from './lab.ts'

const SECRETS = '/api/v1/secrets'
const COLLECTIONS = { Redis: '/apis/cache.iguochan.io/v1/redis', RedisSentinel: '/apis/cache.iguochan.io/v1/redissentinels' }
type Tap = Pick<typeof t, 'teardown'>

async function start (t: Tap) {
  const fake = createFakeApiServer()
  await fake.start()
  const api = createApiClient({ server: fake.url(), namespace: 'ns', token: async () => 'token' })
  const logged: string[] = []
  const log = pino({ level: 'info' }, { write: (line) => logged.push(line) })
  const events: string[] = []
  const lease = { held: true }
  const clock = { ahead: 0 }
  const parents = followParents({ api, log, namespace: '', onChange: () => bindings.wake() })
  const bindings = startBindings({ api, log, parents, mayAct: () => lease.held, now: () => Date.now() + clock.ahead, publishEvent: ({ kind, name }, reason, message) => events.push(`${reason} ${kind} ${name}: ${message}`) })
  t.teardown(async () => { parents.stop(); bindings.stop(); api.close(); await fake.stop() })
  const putSecret = (name: string, text: string) =>
    fake.put(SECRETS, { metadata: { name, namespace: 'ns' }, data: { password: Buffer.from(text).toString('base64') } })
  const parent = (kind: keyof typeof COLLECTIONS, name: string, spec: object) =>
    fake.put(COLLECTIONS[kind], { metadata: { name, namespace: 'ns', uid: `uid-${name}` }, spec: { binding: { enable: true }, ...spec } })
  const content = (name: string) => {
    const { data } = (fake.get(SECRETS, name) ?? {}) as { data?: Record<string, string> }
    return data && Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]))
  }
  return { fake, bindings, lease, clock, events, logged, putSecret, parent, content }
}

await t.test('a RedisSentinel with a password and TLS: all that a client needs, owned by the CR', async (t) => {
  const { fake, parent, putSecret, content, logged, bindings, clock } = await start(t)
  putSecret('password', 'p/w@1\n')
  parent('RedisSentinel', 'cache', { auth: { secretName: 'password' }, tls: { secretName: 'cert' }, masterName: 'm' })
  await until('it is written', () => content('cache-binding') !== undefined)
  t.strictSame(content('cache-binding'), {
    type: 'redis',
    provider: 'redis-operator',
    host: 'cache-redis-master.ns.svc',
    port: '6378',
    uri: 'rediss://default:p%2Fw%401@cache-redis-master.ns.svc:6378',
    username: 'default',
    password: 'p/w@1',
    'sentinel-host': 'cache-sentinel.ns.svc',
    'sentinel-port': '26379',
    'sentinel-master': 'm',
  })
  t.match(fake.get(SECRETS, 'cache-binding'), {
    type: 'servicebinding.io/redis', metadata: { ownerReferences: [{ kind: 'RedisSentinel', name: 'cache', uid: 'uid-cache' }], labels: { app: 'redis-sentinel', name: 'cache' } },
  })
  const version = fake.get(SECRETS, 'cache-binding')?.metadata['resourceVersion']
  putSecret('other', 'x')
  parent('RedisSentinel', 'cache', { auth: { secretName: 'password' }, tls: { secretName: 'cert' }, masterName: 'm', redisReplicas: 5 })
  putSecret('password', 'new')
  bindings.wake()
  // after that one: it comes later in the list
  parent('Redis', 'zero', {})
  await until('the next one is written', () => content('zero-binding') !== undefined)
  bindings.wake()
  parent('Redis', 'zero-2', {})
  await until('the next one is written', () => content('zero-2-binding') !== undefined)
  t.equal(content('cache-binding')?.['password'], 'p/w@1', 'the pods may not have it yet')
  clock.ahead += 180_001
  bindings.wake()
  await until('a new password is there, too', () => content('cache-binding')?.['password'] === 'new')
  t.not(fake.get(SECRETS, 'cache-binding')?.metadata['resourceVersion'], version)
  t.notMatch(logged.join(''), /p\/w|"new"/)
})

await t.test('a Redis without a password, and no write when nothing has changed', async (t) => {
  const { fake, parent, content, bindings } = await start(t)
  parent('Redis', 'one', {})
  await until('it is written', () => content('one-binding') !== undefined)
  t.strictSame(content('one-binding'), { type: 'redis', provider: 'redis-operator', host: 'one-svc.ns.svc', port: '6379', uri: 'redis://one-svc.ns.svc:6379' })
  const version = fake.get(SECRETS, 'one-binding')?.metadata['resourceVersion']
  parent('Redis', 'two', {})
  bindings.wake()
  await until('the next one is written', () => content('two-binding') !== undefined)
  t.equal(fake.get(SECRETS, 'one-binding')?.metadata['resourceVersion'], version)
})

await t.test('a Secret of somebody else is left alone, one without its password is not guessed, and the event says so', async (t) => {
  const { parent, putSecret, content, events, logged } = await start(t)
  putSecret('mine-binding', 'theirs')
  parent('Redis', 'mine', {})
  await until('it is said', () => events.length === 1)
  t.equal(events[0], 'BindingNotWritten Redis mine: Secret mine-binding belongs to something else')
  t.strictSame(content('mine-binding'), { password: 'theirs' })
  parent('RedisSentinel', 'cache', { auth: { secretName: 'missing' } })
  await until('that one is said, too', () => events.some((text) => /BindingNotWritten RedisSentinel cache: /.test(text)))
  t.equal(content('cache-binding'), undefined)
  t.notMatch(logged.join(''), 'theirs')
})

await t.test('without the Lease, and for a CR that wants none, nothing is written', async (t) => {
  const { parent, content, lease, bindings } = await start(t)
  lease.held = false
  parent('Redis', 'one', {})
  parent('Redis', 'none', { binding: { enable: false } })
  bindings.wake()
  t.equal(content('one-binding'), undefined)
  lease.held = true
  bindings.wake()
  await until('then it is', () => content('one-binding') !== undefined)
  t.equal(content('none-binding'), undefined)
})
