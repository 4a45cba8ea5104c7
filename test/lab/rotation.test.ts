// A password that changes, or comes, under a running cluster: nobody is refused or restarted, in whatever order the pods get to know it.
import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { REDIS_PORT, SENTINEL_PORT, until } from './questions.ts'
import { createSecure, IDENTITY, PASSWORD, type Secure, type SecureOptions } from './secure.ts'
import type { Pod } from './pod.ts'

t.setTimeout(600_000)

const NEXT = 'n3xt "one" \\'
const portOf = ({ kind }: Pod) => kind === 'redis' ? REDIS_PORT : SENTINEL_PORT

async function secureFor (t: Test, options: SecureOptions): Promise<Secure> {
  const lab = await createSecure(options)
  t.teardown(async () => {
    if (!t.passing()) for (const pod of lab.pods) t.comment(`${pod.name}\n${await pod.log()}`)
    await lab.close()
  })
  return lab
}

/** What the kubelet does every three seconds. */
const ready = (pod: Pod) => pod.script(`${pod.kind}-ready.sh`)

const accepts = async (lab: Secure, pod: Pod, password: string | undefined) => (await lab.ask(pod, pod.address(), portOf(pod), password, 'PING')).startsWith('PONG')

async function write (lab: Secure, password: string, key: string): Promise<void> {
  const master = lab.redis[await lab.healed(password)] as Pod
  await until('a write', async () => (await lab.ask(master, master.address(), REDIS_PORT, password, 'SET', key, 'x')).startsWith('OK') || undefined)
}

/** Links between the members, made anew: only what is used towards others counts then. */
async function reconnectAll (lab: Secure, password: string): Promise<void> {
  for (const pod of lab.redis) {
    for (const type of ['normal', 'replica', 'master', 'pubsub']) await lab.ask(pod, pod.address(), REDIS_PORT, password, 'CLIENT', 'KILL', 'TYPE', type)
  }
}

for (const [name, shell] of Object.entries({ dash: ['dash'], busybox: ['busybox', 'sh'] })) {
  t.test(`a new password, pod after pod (${name}): both are good until all use it, then the former one ends`, async (t) => {
    const lab = await secureFor(t, { shell, environment: { FORMER_SECONDS: '2' } })
    const pids = () => lab.pods.map((pod) => pod.pid())
    await lab.startAll()
    await write(lab, PASSWORD, 'a')
    const before = pids()
    for (const pod of lab.pods) {
      await lab.setPassword(pod, NEXT)
      t.match(await ready(pod), { code: 0 })
      for (const password of [PASSWORD, NEXT]) t.ok(await accepts(lab, pod, password), `${pod.name} accepts both`)
      t.notOk(await accepts(lab, pod, undefined), 'and nobody without one')
      await reconnectAll(lab, PASSWORD)
      await lab.healed(PASSWORD)
    }
    await write(lab, PASSWORD, 'b')
    await until('every pod uses it', async () => {
      for (const pod of lab.pods) t.match(await ready(pod), { code: 0 })
      return (await Promise.all(lab.pods.map((pod) => pod.log()))).every((log) => log.includes('uses the new password')) || undefined
    })
    await until('the former one ends everywhere', async () => {
      for (const pod of lab.pods) await ready(pod)
      return (await Promise.all(lab.pods.map((pod) => accepts(lab, pod, PASSWORD)))).every((good) => !good) || undefined
    })
    await reconnectAll(lab, NEXT)
    await write(lab, NEXT, 'c')
    t.strictSame(pids(), before, 'no process was restarted')
    const log = (await Promise.all(lab.pods.map((pod) => pod.log()))).join('')
    t.notMatch(log, /n3xt|HOME/, 'no log holds a password')
    await lab.redis[await lab.healed(NEXT)]!.kill()
    await until('a failover with the new one alone', async () => (await lab.infos(NEXT)).filter((fields) => fields?.['role'] === 'master').length === 1 || undefined)
  })
}

t.test('a failover and a restart in the middle of a change: what the restarted pod accepted before is still good', async (t) => {
  const lab = await secureFor(t, {})
  await lab.startAll()
  await write(lab, PASSWORD, 'a')
  const first = await lab.healed()
  const master = lab.redis[first] as Pod
  for (const pod of [master, ...lab.sentinels]) {
    await lab.setPassword(pod, NEXT)
    await ready(pod)
  }
  await master.kill()
  const second = await until('another master', async () => {
    const found = (await lab.infos(PASSWORD)).findIndex((fields) => fields?.['role'] === 'master')
    return found >= 0 ? found : undefined
  })
  t.not(second, first)
  // the others have the new one by now, and it starts
  for (const pod of lab.redis) await lab.setPassword(pod, NEXT)
  for (const pod of lab.pods) if (pod !== master) await ready(pod)
  await master.start()
  await until('it follows the new master', async () => (await lab.infos(PASSWORD))[first]?.['master_link_status'] === 'up' || undefined)
  t.ok(await accepts(lab, master, PASSWORD) && await accepts(lab, master, NEXT), 'it accepts both')
  t.equal(await lab.healed(), second)
})

t.test('a Secret that is gone or empty changes nothing, and the log says so; one that names the previous password keeps it', async (t) => {
  const lab = await secureFor(t, { environment: { FORMER_SECONDS: '0' } })
  await lab.startAll()
  await write(lab, PASSWORD, 'a')
  const [pod] = lab.redis as [Pod]
  for (const files of [{}, { password: '' }, { password: 'two\nlines' }]) {
    await lab.setSecret(pod, files)
    t.match(await ready(pod), { code: 0 })
    t.ok(await accepts(lab, pod, PASSWORD))
  }
  t.match(await pod.log(), /password is not one line with a password: the last one stays in force/)
  for (const some of lab.pods) await lab.setSecret(some, { password: NEXT, 'previous-password': PASSWORD })
  for (let round = 0; round < 3; round++) for (const some of lab.pods) t.match(await ready(some), { code: 0 })
  t.ok(await accepts(lab, pod, PASSWORD) && await accepts(lab, pod, NEXT))
  for (const some of lab.pods) await lab.setPassword(some, NEXT)
  await ready(pod)
  t.notOk(await accepts(lab, pod, PASSWORD), 'until it is named no more')
  await lab.setSecret(pod, { password: NEXT, 'previous-password': 'another' })
  await ready(pod)
  t.ok(await accepts(lab, pod, 'another') && await accepts(lab, pod, NEXT), 'one that is named later is accepted, too')
  await lab.setPassword(pod, NEXT)
  await ready(pod)
  t.notOk(await accepts(lab, pod, 'another'))
})

t.test('a running cluster gets a password: pods with and without it work together until the hook says that all have it', async (t) => {
  const lab = await secureFor(t, {})
  for (const pod of lab.pods) await lab.withoutSecret(pod)
  await lab.setAuth('open')
  await lab.startAll()
  await write(lab, '', 'a')
  // a rolling update, the master last
  const master = lab.redis[await lab.healed('')] as Pod
  for (const pod of [...lab.pods.filter((one) => one !== master), master]) {
    await lab.setPassword(pod, PASSWORD)
    await pod.terminate()
    await pod.start()
    await until('all are well', async () => await lab.healed('').catch(() => undefined))
    t.ok(await accepts(lab, pod, undefined), 'nobody needs it yet')
  }
  // each kubelet brings it at its own time, and the master's is the last one
  const [last] = [lab.redis[await lab.healed('')] as Pod]
  const [restarted, other] = lab.redis.filter((pod) => pod !== last) as [Pod, Pod]
  await lab.setAuth('required', lab.pods.filter((pod) => pod !== last))
  for (const pod of lab.pods) if (pod !== last) t.match(await ready(pod), { code: 0 })
  await lab.ask(other, other.address(), REDIS_PORT, PASSWORD, 'CLIENT', 'KILL', 'TYPE', 'master')
  await restarted.terminate()
  await restarted.start()
  const linked = (pod: Pod) => async () => (await lab.ask(pod, pod.address(), REDIS_PORT, PASSWORD, 'INFO', 'replication')).includes('master_link_status:up') || undefined
  for (const pod of [restarted, other]) t.ok(await until('it is linked to the master that has no users yet', linked(pod)), pod.name)
  await lab.setAuth('required')
  for (const pod of lab.pods) await until('it is ready', async () => (await ready(pod)).code === 0 || undefined)
  for (const pod of [restarted, other]) {
    t.ok(await until('it links as a user of its own', async () => {
      await ready(pod)
      return (await lab.ask(pod, pod.address(), REDIS_PORT, PASSWORD, 'CONFIG', 'GET', 'masteruser')).includes('operator-replication') || undefined
    }), pod.name)
  }
  for (const pod of lab.pods) {
    t.notOk(await accepts(lab, pod, undefined), `${pod.name} is closed`)
    t.ok(await accepts(lab, pod, PASSWORD))
  }
  await reconnectAll(lab, PASSWORD)
  await write(lab, PASSWORD, 'b')
})

t.test('users.acl: its users come and go while redis runs, a wrong line is counted and not shown, and nobody takes the default user', async (t) => {
  const lab = await secureFor(t, {})
  await lab.startAll()
  await write(lab, PASSWORD, 'a')
  const [pod] = lab.redis as [Pod]
  const as = async (user: string, password: string, ...command: string[]) => (await lab.ask(pod, pod.address(), REDIS_PORT, password, '--user', user, ...command)).trim()
  const users = (...lines: string[]) => lab.setSecret(pod, { password: PASSWORD, 'users.acl': `# of the shop\n${lines.join('\n')}\n` })
  await users('user reader on >r ~* +get +ping', 'user gone on >g +ping', 'user bad on >secret +there-is-none', 'user default on nopass', 'user operator-probe on nopass +@all',
    'user "default" on nopass', 'user "operator-probe" off')
  t.match(await ready(pod), { code: 0 })
  t.equal(await as('reader', 'r', 'GET', 'a'), 'x')
  t.match(await as('reader', 'r', 'SET', 'a', 'y'), /NOPERM/)
  t.equal(await as('gone', 'g', 'PING'), 'PONG')
  t.notOk(await accepts(lab, pod, undefined), 'the default user still wants its password')
  t.match(await pod.log(), /users\.acl: 1 lines are refused/)
  t.notMatch(await pod.log(), /there-is-none|secret/)
  await users('user reader on >r2 +ping')
  t.match(await ready(pod), { code: 0 })
  t.match(await as('gone', 'g', 'PING'), /NOAUTH/)
  t.match(await as('reader', 'r', 'PING'), /NOAUTH/)
  t.equal(await as('reader', 'r2', 'PING'), 'PONG')
  await pod.kill()
  await pod.start()
  await lab.healed()
  await ready(pod)
  t.equal(await as('reader', 'r2', 'PING'), 'PONG', 'a restart has them again')
  await lab.setSecret(pod, {})
  await ready(pod)
  t.equal(await as('reader', 'r2', 'PING'), 'PONG', 'a Secret that is gone takes nobody away')
  await lab.setPassword(pod, PASSWORD)
  await ready(pod)
  t.match(await as('reader', 'r2', 'PING'), /NOAUTH/, 'one without the file does')
})

t.test('replication, sentinels and the probe have users of their own, which see no data', async (t) => {
  const lab = await secureFor(t, {})
  await lab.startAll()
  await write(lab, PASSWORD, 'a')
  for (const pod of lab.redis) t.match(await lab.ask(pod, pod.address(), REDIS_PORT, PASSWORD, 'CONFIG', 'GET', 'masteruser'), /operator-replication/)
  const users = async (pod: Pod) => lab.ask(pod, pod.address(), portOf(pod), PASSWORD, 'CLIENT', 'LIST')
  for (const pod of lab.pods) t.ok(await until('the sentinels are there', async () => (await users(pod)).includes('user=operator-sentinel') || undefined), pod.name)
  const made = (user: string) => createHash('sha256').update(`${user}:${IDENTITY}:${PASSWORD}`).digest('hex')
  for (const pod of lab.redis) {
    for (const user of ['operator-replication', 'operator-sentinel', 'operator-probe']) {
      const as = (...words: string[]) => lab.ask(pod, pod.address(), REDIS_PORT, made(user), '--user', user, ...words)
      t.match(await as('PING'), /^PONG/, `${user} of ${pod.name}`)
      for (const words of ['GET a', 'SET a y', 'KEYS *', 'ACL LIST', 'FLUSHALL', 'SHUTDOWN']) t.match(await as(...words.split(' ')), /NOPERM/, words)
    }
  }
})
