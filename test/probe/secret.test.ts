/** The Secret of a cluster, against the fake API server. */
import { pino } from 'pino'
import t from 'tap'
import { clusterIdentity, hash } from '../../src/metadata/names.ts'
import { createApiClient } from '../../src/probe/api-client.ts'
import { createSecret } from '../../src/probe/secret.ts'
import { createFakeApiServer } from './fake-api-server.ts'
import { until } from './lab.ts'

const SECRETS = '/api/v1/secrets'
const CLUSTER = { namespace: 'ns', name: 'cache', uid: 'uid', authSecret: 'cache-password', tlsSecret: undefined }
type Tap = Pick<typeof t, 'teardown'>

async function start (t: Tap) {
  const fake = createFakeApiServer()
  await fake.start()
  const api = createApiClient({ server: fake.url(), namespace: 'ns', token: async () => 'token' })
  t.teardown(async () => { api.close(); await fake.stop() })
  const clock = { ahead: 0 }
  const events: string[] = []
  const logged: string[] = []
  let changes = 0
  const secret = createSecret({
    api,
    log: pino({ level: 'trace' }, { write: (line) => logged.push(line) }),
    now: () => performance.now() + clock.ahead,
    publishEvent: (_, reason, message) => events.push(`${reason} ${message}`),
    onChange: () => { changes += 1 },
  })
  const put = (data: Record<string, string>) => fake.put(SECRETS, {
    metadata: { name: CLUSTER.authSecret, namespace: 'ns' }, data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  })
  const passwords = () => secret.logins().flatMap(({ username, password }) => username === 'default' ? [password] : [])
  return { fake, secret, passwords, clock, events, logged, put, changes: () => changes }
}

await t.test('it is read at first, and a second after a refusal; the former password stays known', async (t) => {
  const { secret, passwords, clock, put, changes, logged } = await start(t)
  put({ password: 'öne \n' })
  secret.keep(undefined)
  t.strictSame(secret.logins(), [])
  secret.keep({ ...CLUSTER, authSecret: undefined })
  t.match(secret.logins(), [{ username: 'operator-probe', proves: true }, {}], 'nobody has named one')
  t.equal(secret.logins().length, 2)
  secret.keep(CLUSTER)
  await until('it is read', () => changes() === 1)
  t.strictSame(passwords(), ['öne '])
  const own = (text: string) => ({ username: 'operator-probe', password: hash('sha256', `operator-probe:${text}`) })
  const identity = clusterIdentity('ns', 'cache', 'uid')
  t.strictSame(secret.logins(), [
    { ...own(`${identity}:öne `), proves: true },
    { ...own(`${identity}:`), proves: true },
    own('öne '),
    { username: 'default', password: 'öne ' },
  ], 'its own user first, also as pods of a version without identities have it')
  put({ password: 'two' })
  secret.keep(CLUSTER)
  secret.refused()
  clock.ahead += 1001
  secret.keep(CLUSTER)
  await until('it is read again', () => changes() === 2)
  t.strictSame(passwords(), ['two', 'öne '])
  put({ password: 'three', 'previous-password': 'two' })
  clock.ahead += 300_001
  secret.keep(CLUSTER)
  await until('and after five minutes', () => changes() === 3)
  t.strictSame(passwords(), ['three', 'two', 'öne '])
  put({ password: 'four' })
  clock.ahead += 300_001
  secret.keep(CLUSTER)
  await until('three of them are kept', () => changes() === 4)
  t.strictSame(passwords(), ['four', 'three', 'two'])
  t.strictSame(logged, [], 'nothing is logged')
})

await t.test('blank lines at the end are no part of it, as for the pods (passwords.sh)', async (t) => {
  const { secret, passwords, put, changes } = await start(t)
  put({ password: 'one\n\n', 'previous-password': 'two\nlines' })
  secret.keep(CLUSTER)
  await until('it is read', () => changes() === 1)
  t.strictSame(passwords(), ['one'])
})

for (const [what, data] of [['empty', { password: '' }], ['of two lines', { password: 'a\nb' }], ['behind an empty line', { password: '\na' }], ['not there', {}]] as const) {
  await t.test(`a password that is ${what} is an event, changes nothing, and is asked for again`, async (t) => {
    const { secret, passwords, clock, put, events, changes, logged } = await start(t)
    put({ password: 'one' })
    secret.keep(CLUSTER)
    await until('it is read', () => changes() === 1)
    put(data)
    clock.ahead += 300_001
    secret.keep(CLUSTER)
    await until('it is said', () => events.length === 1)
    t.match(events[0], /^SecretUnusable Secret cache-password: key password is not one line with a password$/)
    t.strictSame(passwords(), ['one'])
    t.equal(logged.length, 1)
    put({ password: 'two' })
    clock.ahead += 5001
    secret.keep(CLUSTER)
    await until('it is there', () => changes() === 2)
  })
}

await t.test('a Secret that does not exist is said as well, and found when it comes', async (t) => {
  const { secret, clock, put, events, changes } = await start(t)
  put({})
  secret.keep({ ...CLUSTER, authSecret: 'another' })
  await until('it is said', () => events.length === 1)
  t.match(events[0], /^SecretUnusable Secret another: ./)
  put({ password: 'one' })
  clock.ahead += 5001
  secret.keep(CLUSTER)
  await until('it is there', () => changes() === 1)
})

await t.test('a certificate is known to be wanted before it is read, and whole or not at all', async (t) => {
  const { secret, passwords, clock, put, events, changes } = await start(t)
  const cluster = { ...CLUSTER, authSecret: undefined, tlsSecret: CLUSTER.authSecret }
  put({ 'tls.crt': 'cert', 'tls.key': 'key' })
  t.equal(secret.certificate(), undefined)
  secret.keep(cluster)
  t.strictSame(secret.certificate(), {}, 'nothing is ever asked in plain text')
  await until('what is missing is said', () => events.length === 1)
  t.match(events[0], /key ca\.crt is missing or empty/)
  put({ 'tls.crt': 'cert', 'tls.key': 'key', 'ca.crt': 'ca' })
  clock.ahead += 5001
  secret.keep(cluster)
  await until('it is read', () => changes() === 1)
  t.strictSame(secret.certificate(), { ca: 'ca', cert: 'cert', key: 'key' })
  t.strictSame(passwords(), [])
})
