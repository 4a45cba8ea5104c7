/** Links to real processes: what they learn, how fast they give up, what they change. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { openRedisLink, type RedisLink } from '../../src/probe/redis-link.ts'
import { openSentinelLink } from '../../src/probe/sentinel-link.ts'
import { sentinelId } from '../../src/metadata/names.ts'
import { makeCertificates } from '../lab/secure.ts'
import { redisPod, sentinelPod, startLab, until } from './lab.ts'

const now = () => performance.now()
const OWN_ID = 'f'.repeat(40)
const OPEN = { logins: () => [], certificate: () => undefined, refused: () => {} }

await t.test('a link follows its process through life, hanging, death and the next process', async (t) => {
  const lab = await startLab()
  t.teardown(lab.stop)
  const open = (n: number, onChange = () => {}): RedisLink => {
    const host = lab.address(redisPod(n))
    const link = openRedisLink({ host, port: 6379, expected: () => host, access: OPEN, now, onChange })
    t.teardown(link.close)
    return link
  }
  let changes = 0
  const link = open(0, () => { changes += 1 })
  const replica = open(1)
  await until('nobody listens yet', () => link.state().process.kind === 'dead')

  lab.startRedis(0)
  lab.startRedis(1, 0)
  await until('it is a master with a replica', async () => {
    await link.ask()
    const { process } = link.state()
    return process.kind === 'master' && process.replicas.length === 1
  })
  await until('the replica remembers whom it followed', async () => { await replica.ask(); return replica.state().followed === lab.address(redisPod(0)) })

  await t.test('two questions at once are one', async (t) => {
    const first = link.ask()
    t.ok(link.askedAt() !== undefined)
    t.equal(link.ask(), first)
    await first
    t.equal(link.askedAt(), undefined)
  })

  await t.test('a hung process makes nobody wait for ever, and is not taken for dead', async (t) => {
    lab.signal(redisPod(0), 'SIGSTOP')
    const before = changes
    await Promise.all([link.ask(), replica.ask()])
    t.equal(link.state().process.kind, 'unknown')
    t.equal(replica.state().process.kind, 'slave')
    t.ok(changes > before, 'somebody was woken')
    await until('the half-open connection is closed', () => !link.isOpen())
    lab.signal(redisPod(0), 'SIGCONT')
    await until('it is back', () => link.state().process.kind === 'master')
  })

  await t.test('a demoted master drops its clients and follows', async (t) => {
    lab.signal(redisPod(1), 'SIGKILL')
    await until('its death is proven', () => replica.state().process.kind === 'dead')
    t.equal(replica.state().followed, undefined)
    await link.demote(lab.address(redisPod(1)))
    await until('it says slave', async () => { await link.ask(); return link.state().process.kind === 'slave' })
    await link.follow(lab.address(redisPod(2)))
    await until('it follows another', async () => {
      await link.ask()
      const { process } = link.state()
      return process.kind === 'slave' && process.master === lab.address(redisPod(2))
    })
    await t.rejects(replica.follow('127.0.0.1'), /not connected/)
  })
})

await t.test('a sentinel is asked and wakes on one and the same connection', async (t) => {
  const lab = await startLab({ sentinels: 1, replicas: 2 })
  t.teardown(lab.stop)
  lab.startRedis(0)
  lab.startSentinels()
  let wakes = 0
  const link = openSentinelLink({
    host: lab.address(sentinelPod(0)), port: 26379, masterName: 'mymaster', id: sentinelId('lab', 'sample', 0), ownId: OWN_ID, access: OPEN, now, onChange: () => { wakes += 1 },
  })
  t.teardown(link.close)
  await until('it names the master', async () => { await link.ask(); return link.answer()?.named === lab.address(redisPod(0)) })
  t.match(link.answer(), { monitored: lab.address(redisPod(0)), failingOver: false })

  const before = wakes
  lab.signal(redisPod(0), 'SIGKILL')
  await until('+sdown wakes', () => wakes > before)
  await link.ask()
  t.equal(link.answer()?.named, lab.address(redisPod(0)), 'commands still work after the subscription')

  lab.signal(sentinelPod(0), 'SIGKILL')
  await until('an answer does not outlive its sentinel', () => link.answer() === undefined)
})

await t.test('a process that is not the pod\'s own is neither believed nor told anything, and is when it proves to be', async (t) => {
  const lab = await startLab({ sentinels: 1, replicas: 1 })
  t.teardown(lab.stop)
  lab.startRedis(0)
  lab.startSentinels()
  let expected = '10.9.9.9'
  const common = { access: OPEN, now, onChange: () => {} }
  const link = openRedisLink({ host: lab.address(redisPod(0)), port: 6379, expected: () => expected, ...common })
  const foreign = openSentinelLink({ host: lab.address(sentinelPod(0)), port: 26379, masterName: 'mymaster', id: sentinelId('lab', 'other', 0), ownId: OWN_ID, ...common })
  const own = openSentinelLink({ host: lab.address(sentinelPod(0)), port: 26379, masterName: 'mymaster', id: sentinelId('lab', 'sample', 0), ownId: OWN_ID, ...common })
  t.teardown(() => { for (const one of [link, foreign, own]) one.close() })
  await until('it is asked who it is', async () => { await link.ask(); return link.stranger() !== undefined })
  t.strictSame([link.state().process.kind, link.stranger(), link.announced()], ['unknown', lab.address(redisPod(0)), undefined])
  for (const command of [link.follow('10.9.9.8'), link.promote(), link.pause(100)]) await t.rejects(command, /not proven/)
  await until('the right sentinel answers', async () => { await own.ask(); return own.answer() !== undefined })
  await foreign.ask()
  t.equal(foreign.answer(), undefined)
  t.match(await foreign.vote(lab.address(redisPod(0)), 99), { isGranted: false, answer: undefined, error: { message: 'not proven to be this pod' } })
  t.equal((await lab.command(redisPod(0), 'ROLE') as string[])[0], 'master')

  expected = lab.address(redisPod(0))
  await until('it is believed', async () => { await link.ask(); return link.state().process.kind === 'master' })
  t.strictSame([link.stranger(), link.announced()], [undefined, lab.address(redisPod(0))])
  expected = '10.9.9.7'
  await link.ask()
  t.equal(link.state().process.kind, 'master', 'its Service got another address: it is the same connection, so the same process')
  t.equal(link.announced(), lab.address(redisPod(0)), 'known by the address that it announces')
})

await t.test('a vote is granted once in an epoch, and a hello with a newer epoch is taken', async (t) => {
  const lab = await startLab({ sentinels: 3, replicas: 2 })
  t.teardown(lab.stop)
  lab.startRedis(0)
  lab.startRedis(1, 0)
  lab.startSentinels()
  const [first, second] = [redisPod(0), redisPod(1)].map(lab.address) as [string, string]
  const open = (n: number, ownId: string) => {
    const link = openSentinelLink({ host: lab.address(sentinelPod(n)), port: 26379, masterName: 'mymaster', id: sentinelId('lab', 'sample', n), ownId, access: OPEN, now, onChange: () => {} })
    t.teardown(link.close)
    return link
  }
  const [mine, theirs] = [open(0, OWN_ID), open(0, 'e'.repeat(40))]
  for (const link of [mine, theirs]) await until('it answers', async () => { await link.ask(); return link.answer() !== undefined })
  t.match(await mine.vote(first, 5), { isGranted: true, answer: { named: first } })
  t.match(await theirs.vote(first, 5), { isGranted: false, answer: { vote: { leader: OWN_ID, epoch: 5 } } })
  t.match(await theirs.vote(first, 4), { isGranted: false }, 'the leader of a newer epoch is no vote, either')
  t.match(await mine.vote(first, 4), { isGranted: false })
  await mine.ask()
  await mine.ask()
  t.match(mine.answer(), { vote: { leader: OWN_ID, epoch: 5 } })

  const from = { id: sentinelId('lab', 'sample', 1), address: lab.address(sentinelPod(1)) }
  t.equal(await mine.hello({ from, master: second, epoch: 0 }), false, 'an old epoch changes nothing')
  t.equal(await mine.hello({ from, master: second, epoch: 5 }), true)
  await mine.ask()
  t.match(mine.answer(), { named: second, monitored: second, configEpoch: 5 })
})

await t.test('a server that accepts and says nothing is no redis', async (t) => {
  let reason: string | undefined
  const server = createServer((socket) => { socket.on('error', ({ code }: NodeJS.ErrnoException) => { reason ??= code }) }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await until('it listens', () => server.listening)
  const { port } = server.address() as { port: number }
  const link = openRedisLink({ host: '127.0.0.1', port, expected: () => '127.0.0.1', access: OPEN, now, onChange: () => {} })
  t.teardown(link.close)
  await until('it is connected', () => link.isOpen())
  await link.ask()
  t.equal(link.state().process.kind, 'unknown')
  await until('the connection is reset: nothing that is on its way arrives later', () => reason === 'ECONNRESET')
})

await t.test('passwords are tried in turn, also where none is wanted yet; a refusal is told', async (t) => {
  const lab = await startLab({ sentinels: 1, replicas: 1 })
  t.teardown(lab.stop)
  lab.startRedis(0)
  lab.startSentinels()
  let known: string[] = ['wrong', 'right']
  let refusals = 0
  const common = { access: { logins: () => known.map((password) => ({ username: 'default', password })), certificate: () => undefined, refused: () => { refusals += 1 } }, now, onChange: () => {} }
  const redis = openRedisLink({ host: lab.address(redisPod(0)), port: 6379, expected: () => lab.address(redisPod(0)), ...common })
  const sentinel = openSentinelLink({ host: lab.address(sentinelPod(0)), port: 26379, masterName: 'mymaster', id: sentinelId('lab', 'sample', 0), ownId: OWN_ID, ...common })
  t.teardown(() => { redis.close(); sentinel.close() })
  const answers = async () => {
    await Promise.all([redis.ask(), sentinel.ask()])
    return redis.state().process.kind === 'master' && sentinel.answer() !== undefined
  }
  await until('both answer without wanting one', answers)
  t.equal(refusals, 0)

  for (const pod of [redisPod(0), sentinelPod(0)]) await lab.command(pod, 'ACL', 'SETUSER', 'default', 'resetpass', '>right')
  t.ok(await answers(), 'an open connection stays open')
  for (const password of ['wrong', 'right']) {
    for (const pod of [redisPod(0), sentinelPod(0)]) await lab.command(pod, 'AUTH', password).catch(() => {})
  }
  lab.signal(redisPod(0), 'SIGKILL')
  await until('its death is proven', () => redis.state().process.kind === 'dead')
  lab.startRedis(0, undefined, ['--requirepass', 'right'])
  await until('the right one is found', answers)
  t.ok(refusals > 0)

  known = []
  lab.signal(redisPod(0), 'SIGKILL')
  await until('its death is proven again', () => redis.state().process.kind === 'dead')
  lab.startRedis(0, undefined, ['--requirepass', 'right'])
  const before = refusals
  await until('without one it is refused, too', async () => { await redis.ask(); return refusals > before })
  t.equal(redis.state().process.kind, 'unknown')
  known = ['right']
  await until('and goes on with it', answers)
})

await t.test('a process that gets the user of the probe while it runs is not connected to anew; one that forbids a command is', async (t) => {
  const lab = await startLab({ sentinels: 0, replicas: 1 })
  t.teardown(lab.stop)
  lab.startRedis(0)
  const best = { username: 'operator-probe', password: 'made' }
  const access = { logins: () => [best, {}], certificate: () => undefined, refused: () => {} }
  const link = openRedisLink({ host: lab.address(redisPod(0)), port: 6379, expected: () => lab.address(redisPod(0)), access, now, onChange: () => {} })
  t.teardown(link.close)
  const line = async (user: string) => {
    await link.ask()
    const clients = String(await lab.command(redisPod(0), 'CLIENT', 'LIST').catch(() => ''))
    return clients.split('\n').find((some) => some.includes('name=sentinel-probe') && some.includes(` user=${user} `))?.split(' ')[0]
  }
  // one that is refused is there for a moment as the default user, too
  const connected = async (user: string) => await line(user) !== undefined && link.isOpen()
  await until('it is asked as the default user', () => connected('default'))
  const before = await line('default')
  await lab.command(redisPod(0), 'ACL', 'SETUSER', best.username, 'on', '>made', '+ping', '+role', '+info', '+client', '+config|get', '+replicaof')
  await until('it is asked as the user of the probe', () => connected(best.username))
  t.equal(await line(best.username), before, 'by the same connection')

  await lab.command(redisPod(0), 'ACL', 'SETUSER', best.username, '-replicaof')
  await t.rejects(link.follow('127.0.0.1'), /NOPERM/)
  await until('it is asked as the other one', () => connected('default'))
})

await t.test('by TLS a process of another authority is not believed, and one that wants a certificate gets it', async (t) => {
  const lab = await startLab({ sentinels: 0, replicas: 1 })
  t.teardown(lab.stop)
  const [ours, theirs] = [t.testdir({ ours: {}, theirs: {} })].flatMap((folder) => [join(folder, 'ours'), join(folder, 'theirs')])
  const pem = async (folder = '') => {
    await makeCertificates(folder)
    const [ca, cert, key] = await Promise.all(['ca.crt', 'tls.crt', 'tls.key'].map((file) => readFile(join(folder, file), 'utf8')))
    return { ca: ca ?? '', cert: cert ?? '', key: key ?? '' }
  }
  const certificates = [await pem(ours), await pem(theirs)]
  lab.startRedis(0, undefined, [
    '--port', '0', '--tls-port', '6379', '--tls-cert-file', join(ours ?? '', 'tls.crt'), '--tls-key-file', join(ours ?? '', 'tls.key'), '--tls-ca-cert-file', join(ours ?? '', 'ca.crt'),
  ])
  let certificate: object = {}
  let refusals = 0
  const link = openRedisLink({
    host: lab.address(redisPod(0)), port: 6379, expected: () => lab.address(redisPod(0)), access: { logins: () => [], certificate: () => certificate, refused: () => { refusals += 1 } }, now, onChange: () => {},
  })
  t.teardown(link.close)
  await until('without an authority it is refused', () => refusals > 1)
  certificate = certificates[1] ?? {}
  const before = refusals
  await until('with another one it is, too', () => refusals > before + 1)
  t.equal(link.state().process.kind, 'unknown')
  certificate = certificates[0] ?? {}
  await until('with the right one it answers', async () => { await link.ask(); return link.state().process.kind === 'master' })
})
