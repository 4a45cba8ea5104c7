/** The Lease against the fake API server: who holds it, for how long, and who takes over. */
import { pino } from 'pino'
import t from 'tap'
import { createApiClient } from '../../src/probe/api-client.ts'
import { isValid, keepLease } from '../../src/probe/lease.ts'
import { createFakeApiServer } from './fake-api-server.ts'
import { until } from './lab.ts'

const log = pino({ level: 'silent' })
const now = () => performance.now()
const LEASES = '/apis/coordination.k8s.io/v1/leases'

async function server (t: Tap) {
  const fake = createFakeApiServer()
  await fake.start()
  const api = createApiClient({ server: fake.url(), namespace: 'ns', token: async () => 'token' })
  t.teardown(async () => { api.close(); await fake.stop() })
  return { fake, api }
}
type Tap = Pick<typeof t, 'teardown'>

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
