// Clusters with a password and with TLS. The lab's own questions know neither, so these ask with redis-cli from within the pods.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { clusterEnv } from '../../src/redis-sentinel/cluster-env.ts'
import { redisConf } from '../../src/redis-sentinel/redis-conf.ts'
import { SCRIPTS } from '../../src/redis-sentinel/scripts.ts'
import { sentinelConf } from '../../src/redis-sentinel/sentinel-conf.ts'
import { tlsCliFlags } from '../../src/redis-sentinel/tls.ts'
import { createNetwork } from './network.ts'
import { createPod, type Kind, type Pod } from './pod.ts'
import { type Fields, MASTER_NAME, REDIS_PORT, SENTINEL_PORT, sleep, until } from './questions.ts'

t.setTimeout(180_000)

const run = promisify(execFile)
/** What a file of redis or a shell could take apart. */
const PASSWORD = ' # it"s \\ $HOME `id` ; \'x\' é*'
const ORDINALS = [0, 1, 2]

interface Options {
  readonly tls?: boolean
  readonly ipv6?: boolean
  readonly shell?: readonly string[]
}

type Secure = Awaited<ReturnType<typeof createSecure>>

async function createSecure (t: Test, { tls = false, ipv6 = false, shell = ['dash'] }: Options) {
  const root = await mkdtemp(join(tmpdir(), 'redis-lab-'))
  const network = await createNetwork({ ipv6 })
  const tlsDir = join(root, 'tls')
  await mkdir(tlsDir)
  if (tls) await makeCertificates(tlsDir)
  const path = [process.env['REDIS_BIN_DIR'], process.env['PATH']].filter(Boolean).join(':')
  const flags = tls ? tlsCliFlags(tlsDir) : []
  const create = (kind: Kind, host: number) => Promise.all(ORDINALS.map(async (ordinal) => createPod({
    kind,
    ordinal,
    ip: network.address(host + ordinal),
    address: network.address(host + 10 + ordinal),
    folder: join(root, `${kind}-${ordinal}`),
    sandbox: await network.sandbox(`s${kind[0]}${ordinal}`),
    shell,
    path,
    environment: { AUTH_DIR: join(root, `auth-${kind}-${ordinal}`), LANG: 'C.UTF-8' },
  })))
  const [redis, sentinels] = [await create('redis', 10), await create('sentinel', 30)]
  const pods = [...redis, ...sentinels]

  /** What the kubelet does with a new Secret. */
  async function setPassword (pod: Pod, password: string): Promise<void> {
    const folder = join(root, `auth-${pod.kind}-${pod.ordinal}`)
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'password'), password)
  }

  async function ask (from: Pod, address: string, port: number, password: string | undefined, ...command: string[]): Promise<string> {
    const [program = '', ...args] = [...from.sandbox.enter, 'sh', '-c', 'p=redis-cli; command -v $p >/dev/null || p=valkey-cli; exec timeout 3 $p "$@"', 'sh']
    const env = { PATH: path, ...(password !== undefined && { REDISCLI_AUTH: password }) }
    const { stdout } = await run(program, [...args, '-h', address, '-p', String(port), ...flags, ...command], { env })
    return stdout
  }

  async function infos (password: string): Promise<(Fields | undefined)[]> {
    return Promise.all(redis.map((pod) => ask(pod, pod.address(), REDIS_PORT, password, 'INFO').then(fieldsOf, () => undefined)))
  }

  const env = clusterEnv({
    masterName: MASTER_NAME,
    redisPort: REDIS_PORT,
    sentinelPort: SENTINEL_PORT,
    redisAddresses: redis.map((pod) => pod.address()),
    sentinelAddresses: sentinels.map((pod) => pod.address()),
    sentinelIds: sentinels.map((pod) => createHash('sha1').update(pod.name).digest('hex')),
    quorum: 2,
    downAfterMilliseconds: 2000,
    failoverTimeout: 4000,
    redisCliFlags: flags,
  })
  for (const pod of pods) {
    const secure = { tls, tlsDir, dir: pod.data }
    await pod.configure({
      ...SCRIPTS,
      'cluster.env': env,
      'redis.conf': redisConf({ persistent: true, redisReplicas: 3, port: REDIS_PORT, ...secure }),
      'sentinel.conf': sentinelConf({ port: SENTINEL_PORT, ...secure }),
    })
    await setPassword(pod, `${PASSWORD}\n`)
  }
  t.teardown(async () => {
    for (const pod of pods) {
      if (!t.passing()) t.comment(`${pod.name}\n${await pod.log()}`)
      await pod.kill()
    }
    await network.close()
    await rm(root, { recursive: true, force: true })
  })

  return {
    redis,
    sentinels,
    pods,
    setPassword,
    ask,
    infos,
    startAll: async () => { for (const pod of pods) await pod.start() },
    /** The ordinal of the one master that all others follow and all sentinels name. */
    healed: () => until('one master, all others linked, all sentinels agree', async () => {
      const all = await infos(PASSWORD)
      const master = all.findIndex((fields) => fields?.['role'] === 'master')
      const address = redis[master]?.address()
      const linked = all.filter((fields) => fields?.['master_host'] === address && fields?.['master_link_status'] === 'up')
      if (address === undefined || linked.length !== 2) return undefined
      const views = await Promise.all(sentinels.map((pod) => ask(pod, pod.address(), SENTINEL_PORT, PASSWORD, 'SENTINEL', 'MASTER', MASTER_NAME)))
      return views.every((view) => view.includes(`\n${address}\n`) && view.includes('\nflags\nmaster\n') && view.includes('\nnum-other-sentinels\n2\n')) ? master : undefined
    }),
  }
}

function fieldsOf (text: string): Fields {
  const pairs = text.split('\n').map((line) => line.trim()).filter((line) => line.includes(':'))
  return Object.fromEntries(pairs.map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]))
}

/** What cert-manager would put into the Secret. */
async function makeCertificates (folder: string): Promise<void> {
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder })
  const fresh = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await openssl(...fresh, '-x509', '-days', '2', '-subj', '/CN=lab', '-keyout', 'ca.key', '-out', 'ca.crt')
  await openssl(...fresh, '-subj', '/CN=redis', '-keyout', 'tls.key', '-out', 'request')
  await openssl('x509', '-req', '-days', '2', '-in', 'request', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-out', 'tls.crt')
}

/** Bootstrap, a handover by preStop, a failover, a restart: the same as without, and no acknowledged write is missing. */
async function lives (t: Test, lab: Secure): Promise<void> {
  await lab.startAll()
  const first = await lab.healed()
  t.equal(first, 0)
  const write = async (master: number, key: string) => lab.ask(lab.redis[master]!, lab.redis[master]!.address(), REDIS_PORT, PASSWORD, 'SET', key, 'x')
  await until('a write', async () => (await write(0, 'a')).startsWith('OK') || undefined)
  for (const pod of lab.pods) {
    await until(`${pod.name} is ready`, async () => (await pod.script(`${pod.kind}-ready.sh`)).code === 0 || undefined)
    t.match(await pod.script(`${pod.kind}-alive.sh`), { code: 0 })
  }
  await lab.redis[0]!.script('redis-prestop.sh')
  t.match(await lab.redis[0]!.log(), /redis-prestop.sh lab-redis-0: handed over to/)
  const second = await lab.healed()
  t.not(second, first)
  await until('a write', async () => (await write(second, 'b')).startsWith('OK') || undefined)
  await lab.redis[second]!.kill()
  const third = await until('another master', async () => {
    const masters = (await lab.infos(PASSWORD)).findIndex((fields) => fields?.['role'] === 'master')
    return masters >= 0 ? masters : undefined
  })
  t.not(third, second)
  await lab.redis[second]!.start()
  t.equal(await lab.healed(), third)
  await until('all data everywhere', async () => (await lab.infos(PASSWORD)).every((fields) => fields?.['db0']?.startsWith('keys=2,')) || undefined)
  // its own file holds the password as sentinel has written it
  await lab.sentinels[1]!.kill()
  await lab.sentinels[1]!.start()
  t.equal(await lab.healed(), third)
}

async function keepsTheSecret (t: Test, lab: Secure): Promise<void> {
  for (const pod of lab.pods) {
    const port = pod.kind === 'redis' ? REDIS_PORT : SENTINEL_PORT
    for (const wrong of [undefined, 'wrong']) t.match(await lab.ask(pod, pod.address(), port, wrong, 'INFO'), /^NOAUTH/, `${pod.name} is closed`)
    t.notMatch(await pod.log(), 'HOME', `the log of ${pod.name} does not hold it`)
    const conf = join(pod.data, `${pod.kind}.conf`)
    t.match(await readFile(conf, 'utf8'), /^requirepass "/m)
    t.equal((await stat(conf)).mode & 0o777, 0o600, `${conf} also after redis has rewritten it`)
  }
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')
    // also by its loader, see local/redis-versions
    if (/^[^\0]*(redis-|valkey-|ld-linux)/.test(line)) t.notMatch(line, '`id`')
  }
}

t.test('a cluster with a password lives as one without, and keeps it secret', async (t) => {
  const lab = await createSecure(t, { shell: ['busybox', 'sh'] })
  await lives(t, lab)
  await keepsTheSecret(t, lab)
})

t.test('a cluster with a password and TLS on IPv6 addresses lives as one without', async (t) => {
  const lab = await createSecure(t, { tls: true, ipv6: true })
  await lives(t, lab)
  await keepsTheSecret(t, lab)
  const [pod] = lab.redis
  const plain = run(pod!.sandbox.enter[0] ?? '', [...pod!.sandbox.enter.slice(1), 'timeout', '3', 'sh', '-c', `printf 'PING\\r\\n' | busybox nc ${pod!.address()} ${REDIS_PORT}`])
  t.notMatch((await plain.catch(() => ({ stdout: '' }))).stdout, /PONG|NOAUTH/, 'nothing answers in plain text')
})

t.test('pods with another password wait and say so, and go on with the right one; no data is lost', async (t) => {
  const lab = await createSecure(t, {})
  await lab.startAll()
  await lab.healed()
  const [first, second] = lab.redis
  await until('a write', async () => (await lab.ask(first!, first!.address(), REDIS_PORT, PASSWORD, 'SET', 'a', 'x')).startsWith('OK') || undefined)
  await sleep(500)
  await lab.sentinels[0]!.kill()
  await lab.sentinels[0]!.wipe()
  await second!.kill()
  await second!.wipe()
  for (const pod of [second!, lab.sentinels[0]!]) {
    await lab.setPassword(pod, 'another')
    await pod.start()
    const ready = () => pod.script(`${pod.kind}-ready.sh`)
    await until('the reason', async () => /^waiting: .*; refuses the password/.test((await ready()).output) || undefined)
    t.match(await pod.script(`${pod.kind}-alive.sh`), { code: 0 })
  }
  await sleep(5000)
  for (const pod of [second!, lab.sentinels[0]!]) {
    t.notMatch((await pod.log()).split('waiting: ').at(-1), /starts as|monitors/, `${pod.name} does not start`)
    await lab.setPassword(pod, PASSWORD)
  }
  t.equal(await lab.healed(), 0)
  await until('all data everywhere', async () => (await lab.infos(PASSWORD)).every((fields) => fields?.['db0']?.startsWith('keys=1,')) || undefined)
})

t.test('a master whose redis has another password than its Secret says so in preStop and in its readiness', async (t) => {
  const lab = await createSecure(t, {})
  await lab.startAll()
  await lab.healed()
  const [first] = lab.redis
  await lab.setPassword(first!, 'another')
  t.match(await first!.script('redis-ready.sh'), { code: 1, output: 'redis refuses the password' })
  t.match(await first!.script('redis-alive.sh'), { code: 0 })
  await first!.script('redis-prestop.sh')
  t.match(await first!.log(), /no handover: redis refuses the password/)
})
