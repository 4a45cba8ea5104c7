// The operator is upgraded under running pods: the kubelets bring the new scripts, and their readiness brings the servers over. From a
// version in which nobody had an identity.
import { execFile } from 'node:child_process'
import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { SCRIPTS } from '../../src/redis-sentinel/scripts.ts'
import { SCRIPTS as LOCAL_SCRIPTS } from '../../src/redis/scripts.ts'
import { REDIS_PORT, SENTINEL_PORT, until } from './questions.ts'
import { createSecure, PASSWORD, type Secure, type SecureOptions } from './secure.ts'
import type { Pod } from './pod.ts'

t.setTimeout(600_000)

const run = promisify(execFile)
/** The last commit without identities. */
const FORMER = '0b19f6c'
const FOLDERS = ['src/redis/scripts/', 'src/redis-sentinel/scripts/']
const portOf = ({ kind }: Pod) => kind === 'redis' ? REDIS_PORT : SENTINEL_PORT
const ready = (pod: Pod) => pod.script(`${pod.kind}-ready.sh`)

/** By the files' names; undefined in a copy of the repository without its history. */
async function formerScripts (): Promise<Record<string, string> | undefined> {
  try {
    const { stdout } = await run('git', ['ls-tree', '--name-only', FORMER, ...FOLDERS])
    const paths = stdout.trim().split('\n').filter((path) => path.endsWith('.sh'))
    const texts = await Promise.all(paths.map(async (path) => (await run('git', ['show', `${FORMER}:${path}`])).stdout))
    return Object.fromEntries(paths.map((path, index) => [path.split('/').at(-1) ?? '', texts[index] ?? '']))
  } catch {
    return undefined
  }
}

const former = await formerScripts()
const skip = former ? false : `no commit ${FORMER} here`

async function labOf (t: Test, scripts: Record<string, string>, options: SecureOptions): Promise<Secure> {
  const lab = await createSecure({ environment: { FORMER_SECONDS: '3' }, ...options })
  t.teardown(async () => {
    if (!t.passing()) for (const pod of lab.pods) t.comment(`${pod.name}\n${await pod.log()}`)
    await lab.close()
  })
  for (const pod of lab.pods) await pod.configure(scripts)
  return lab
}

async function write (lab: Secure, password: string, key: string): Promise<void> {
  const master = lab.redis[await lab.healed(password)] as Pod
  await until('a write', async () => (await lab.ask(master, master.address(), REDIS_PORT, password, 'SET', key, 'x')).startsWith('OK') || undefined)
}

/** Links made anew: only what is used towards others counts then. */
async function reconnectAll (lab: Secure, password: string): Promise<void> {
  for (const pod of lab.redis) {
    for (const type of ['normal', 'replica', 'master', 'pubsub']) await lab.ask(pod, pod.address(), REDIS_PORT, password, 'CLIENT', 'KILL', 'TYPE', type)
  }
}

const rulesOf = (lab: Secure, pod: Pod, password: string) => lab.ask(pod, pod.address(), portOf(pod), password, 'ACL', 'LIST')
const restricted = (rules: string) => /^user default .* -(publish|replicaof)/m.test(rules)

/** Every kubelet goes on with its checks. */
async function settled (t: Test, lab: Secure, password: string): Promise<void> {
  await until('every server has only the new credential, and default is restricted', async () => {
    for (const pod of lab.pods) t.match(await ready(pod), { code: 0 })
    const rules = await Promise.all(lab.pods.map((pod) => rulesOf(lab, pod, password)))
    const right = rules.every((some) => restricted(some) && /^user operator-probe (?:(?!#).)*#[^#]*$/m.test(some))
    return right || undefined
  })
  await reconnectAll(lab, password)
  await lab.healed(password)
  for (const pod of lab.pods) {
    await until(`the sentinels are at ${pod.name} as a user of their own`, async () => {
      const clients = await lab.ask(pod, pod.address(), portOf(pod), password, 'CLIENT', 'LIST')
      const right = clients.includes('user=operator-sentinel') && !/name=sentinel-.* user=default/.test(clients)
      return right || undefined
    })
  }
}

async function failOver (lab: Secure, password: string): Promise<Pod> {
  const from = await lab.healed(password)
  const master = lab.redis[from] as Pod
  await master.kill()
  await until('another master', async () => (await lab.infos(password)).some((fields, ordinal) => ordinal !== from && fields?.['role'] === 'master') || undefined)
  return master
}

for (const [name, password, shell] of [['without a password', '', ['busybox', 'sh']], ['with a password', PASSWORD, ['dash']]] as const) {
  t.test(`servers that run ${name} are brought over, pod after pod, with a failover in the middle`, { skip }, async (t) => {
    const lab = await labOf(t, former ?? {}, { shell })
    if (password === '') for (const pod of lab.pods) await lab.withoutSecret(pod)
    await lab.startAll()
    await write(lab, password, 'a')
    for (const pod of lab.pods) t.match(await ready(pod), { code: 0 })
    const first = await lab.healed(password)
    const pids = lab.pods.map((pod) => pod.pid())

    const [one, two, ...others] = [lab.redis[0], lab.sentinels[0], ...lab.pods.slice(1).filter((pod) => pod !== lab.sentinels[0])] as Pod[]
    for (const pod of [one, two] as Pod[]) {
      await pod.configure({ ...LOCAL_SCRIPTS, ...SCRIPTS })
      t.match(await ready(pod), { code: 0 })
      t.match(await rulesOf(lab, pod, password), 'user operator-sentinel', `${pod.name} has the users`)
      await reconnectAll(lab, password)
      t.equal(await lab.healed(password), first, 'no failover')
    }
    t.strictSame(lab.pods.map((pod) => pod.pid()), pids, 'no process was restarted')

    const master = await failOver(lab, password)
    await master.configure({ ...LOCAL_SCRIPTS, ...SCRIPTS })
    // one that starts beside others of the former version, with its volume or a new one
    if (password === '') await master.wipe()
    await master.start()
    await write(lab, password, 'b')
    for (const pod of lab.pods) t.notOk(restricted(await rulesOf(lab, pod, password)), `${pod.name}: default may all that it could`)

    for (const pod of others) {
      await pod.configure({ ...LOCAL_SCRIPTS, ...SCRIPTS })
      t.match(await ready(pod), { code: 0 })
    }
    await settled(t, lab, password)
    await write(lab, password, 'c')
    await (await failOver(lab, password)).start()
    await write(lab, password, 'd')
    t.ok(restricted(await rulesOf(lab, master, password)), 'and after a restart')
    const log = (await Promise.all(lab.pods.map((pod) => pod.log()))).join('')
    for (const said of ['accepts the new identity', 'uses the new identity', 'accepts the former identity no more']) t.match(log, said)
  })
}

t.test('an object that is made anew around its pods is another identity, which they change to', async (t) => {
  const lab = await labOf(t, {}, {})
  for (const pod of lab.pods) await lab.withoutSecret(pod)
  await lab.startAll()
  await write(lab, '', 'a')
  const master = await lab.healed('')
  for (const pod of lab.pods) t.ok(restricted(await rulesOf(lab, pod, '')), `${pod.name} is restricted from its start`)
  lab.setIdentity('d'.repeat(64))
  for (const pod of lab.pods) {
    await lab.setAuth('required', [pod])
    t.match(await ready(pod), { code: 0 })
    await reconnectAll(lab, '')
    t.equal(await lab.healed(''), master)
  }
  await settled(t, lab, '')
  await (await failOver(lab, '')).start()
  await write(lab, '', 'b')
})

t.test('a volume that was away does not bring back the password of that time', async (t) => {
  const lab = await labOf(t, {}, { environment: { FORMER_SECONDS: '600' } })
  await lab.startAll()
  await write(lab, PASSWORD, 'a')
  for (const pod of lab.pods) t.match(await ready(pod), { code: 0 })
  const [first, , last] = lab.redis as [Pod, Pod, Pod]
  const accepts = async (pod: Pod, password: string) => (await lab.ask(pod, pod.address(), REDIS_PORT, password, 'PING')).startsWith('PONG')
  for (const pod of [first, last]) await pod.kill()
  await utimes(join(last.data, '.lately'), 0, 0)
  for (const pod of lab.pods) await lab.setPassword(pod, 'another')
  for (const pod of lab.pods) if (pod.isRunning()) await ready(pod)
  for (const pod of [first, last]) await pod.start()
  for (const pod of [first, last]) await until('it runs', async () => await accepts(pod, 'another') || undefined)
  t.ok(await accepts(first, PASSWORD), 'one that was there a moment ago does: others may still use it')
  t.notOk(await accepts(last, PASSWORD))
})
