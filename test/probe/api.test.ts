/** Watching and the Lease against the fake API server: what survives its moods. */
import { pino } from 'pino'
import t from 'tap'
import { createApiClient, hasStatus } from '../../src/probe/api-client.ts'
import { isValid, keepLease } from '../../src/probe/lease.ts'
import { type KubeObject, startReflector, type Stored } from '../../src/probe/reflector.ts'
import { createFakeApiServer } from './fake-api-server.ts'
import { until } from './lab.ts'

const log = pino({ level: 'silent' })
const now = () => performance.now()
const PODS = '/api/v1/pods'
const LEASES = '/apis/coordination.k8s.io/v1/leases'
const pod = (name: string) => ({ metadata: { name, namespace: 'ns', labels: { app: 'x' } } })

async function server (t: Tap) {
  const fake = createFakeApiServer()
  await fake.start()
  const api = createApiClient({ server: fake.url(), namespace: 'ns', token: async () => 'token' })
  t.teardown(async () => { api.close(); await fake.stop() })
  return { fake, api }
}
type Tap = Pick<typeof t, 'teardown'>

await t.test('a store follows the server through events, a restart and a forgotten history', async (t) => {
  const { fake, api } = await server(t)
  const changes: string[] = []
  fake.put(PODS, pod('a'))
  const reflector = startReflector<Stored & { name: string }>({
    api,
    log,
    path: PODS,
    labelSelector: 'app=x',
    trim: ({ metadata: { name, resourceVersion = '' } }) => ({ name, resourceVersion }),
    onChange: (key, after) => changes.push(`${after ? 'put' : 'removed'} ${key}`),
  })
  t.teardown(reflector.stop)
  await until('listed', reflector.isSynced)
  fake.put(PODS, pod('b'))
  await until('added', () => reflector.get('ns/b') !== undefined)
  fake.remove(PODS, 'b')
  await until('removed', () => reflector.get('ns/b') === undefined)

  await fake.stop()
  fake.put(PODS, pod('c'))
  fake.remove(PODS, 'a')
  await fake.start()
  await until('the watch resumes', () => reflector.get('ns/c') !== undefined)

  fake.remove(PODS, 'c')
  fake.compact()
  fake.put(PODS, pod('d'))
  await until('it lists again', () => reflector.get('ns/d') !== undefined && reflector.get('ns/c') === undefined)
  t.ok(reflector.get('ns/a') === undefined, 'what went while nobody watched is gone, too')
  t.ok(changes.includes('removed ns/c'))

  await t.test('the answer to an own write is not undone by an older event', async (t) => {
    const written = { metadata: { ...pod('d').metadata, resourceVersion: '999999' } } as KubeObject
    reflector.put(written)
    fake.put(PODS, pod('d'))
    fake.put(PODS, pod('e'))
    await until('later events arrived', () => reflector.get('ns/e') !== undefined)
    t.equal(reflector.get('ns/d')?.resourceVersion, '999999')
  })
})

await t.test('errors carry the status, and a server that is away rejects', async (t) => {
  const { fake, api } = await server(t)
  const missing = api.request('PATCH', `${PODS}/none`, { body: [], deadlineMs: 1000 })
  await missing.catch((error: unknown) => t.ok(hasStatus(error, 404)))
  await t.rejects(missing, /not found/)
  await fake.stop()
  await t.rejects(api.request('GET', PODS, { deadlineMs: 1000 }), /ECONNREFUSED|hang up/)
  await fake.start()
})

await t.test('of two keepers one holds the Lease, and the other takes over', async (t) => {
  const { fake, api } = await server(t)
  const keeper = (identity: string) => keepLease({ api, log, namespace: 'ns', name: 'probe', identity, now, date: () => new Date(), onChange: () => {} })
  const first = keeper('first')
  await until('the first holds it', first.holds)
  const second = keeper('second')
  t.teardown(second.release)
  t.match(fake.get(LEASES, 'probe')?.['spec'], { holderIdentity: 'first', leaseDurationSeconds: 4, leaseTransitions: 1 })
  t.notOk(second.holds())

  await first.release()
  t.notOk(first.holds(), 'who has released does not act')
  await until('the second holds it', second.holds)

  await t.test('a holder that cannot renew stops, and a dead one is succeeded', async (t) => {
    await fake.stop()
    await until('the second stops by its own clock', () => !second.holds())
    const spec = { holderIdentity: 'dead', renewTime: 'long ago', leaseDurationSeconds: 4 }
    fake.put(LEASES, { metadata: { name: 'probe', namespace: 'ns' }, spec })
    await fake.start()
    await until('the dead holder\'s time is up', second.holds)
    t.match(fake.get(LEASES, 'probe')?.['spec'], { holderIdentity: 'second' })
  })
})

await t.test('a renewal holds for less than three seconds of either clock', async (t) => {
  const sent = { monotonic: 1000, wall: 1_700_000_000_000 }
  const after = (monotonic: number, wall = monotonic) => isValid(sent, { monotonic: sent.monotonic + monotonic, wall: sent.wall + wall })
  t.ok(after(2999))
  t.notOk(after(3000))
  t.notOk(isValid(undefined, sent), 'none was sent')
  t.notOk(after(10, 60_000), 'a guest that was frozen for a minute, on whose own clock nothing happened')
  t.notOk(after(60_000, 10), 'one whose wall clock stood still')
  t.ok(after(2000, -3_600_000), 'a wall clock that was set back proves nothing')
  t.notOk(after(3000, -3_600_000))
})

await t.test('who was frozen asks for the Lease again before it acts, and goes on when nobody else has it', async (t) => {
  const { fake, api } = await server(t)
  let ahead = 0
  const changes: boolean[] = []
  const keeper = keepLease({
    api, log, namespace: 'ns', name: 'probe', identity: 'first', now, date: () => new Date(Date.now() + ahead), onChange: (holds) => changes.push(holds),
  })
  t.teardown(keeper.release)
  await until('it holds the Lease', keeper.holds)
  ahead = 60_000
  t.notOk(keeper.holds(), 'at once')
  await until('it has renewed', keeper.holds)

  ahead = 120_000
  const spec = { holderIdentity: 'second', renewTime: 'just now', leaseDurationSeconds: 4 }
  fake.put(LEASES, { metadata: { name: 'probe', namespace: 'ns' }, spec })
  t.notOk(keeper.holds())
  await until('it has seen the other one', () => changes.at(-1) === false)
  t.match(fake.get(LEASES, 'probe')?.['spec'], { holderIdentity: 'second' })
})
