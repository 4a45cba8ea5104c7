// A cluster with a password and perhaps TLS. The lab's own questions know neither, so these ask with redis-cli from within the pods.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fenceMs, HANDOVER_SECONDS, minReplicas } from '../../src/metadata/timings.ts'
import { clusterEnv } from '../../src/redis-sentinel/cluster-env.ts'
import { redisConf } from '../../src/redis-sentinel/redis-conf.ts'
import { SCRIPTS } from '../../src/redis-sentinel/scripts.ts'
import { SCRIPTS as LOCAL_SCRIPTS } from '../../src/redis/scripts.ts'
import { tlsCliFlags } from '../../src/redis/tls.ts'
import { sentinelConf } from '../../src/redis-sentinel/sentinel-conf.ts'
import { systemPath } from './lab.ts'
import { createNetwork } from './network.ts'
import { createPod, type Kind, type Pod } from './pod.ts'
import { type Fields, MASTER_NAME, parseInfo, REDIS_PORT, SENTINEL_PORT, until } from './questions.ts'

const run = promisify(execFile)
/** What a file of redis or a shell could take apart. */
export const PASSWORD = ' # it"s \\ $HOME `id` ; \'x\' é*\\'
const ORDINALS = [0, 1, 2]
export const IDENTITY = 'c'.repeat(64)

export interface SecureOptions {
  /** What is asked of clients' certificates; left out: no TLS. */
  readonly tls?: 'optional' | 'required'
  readonly ipv6?: boolean
  readonly shell?: readonly string[]
  /** More variables for the scripts. */
  readonly environment?: Readonly<Record<string, string>>
}

export type Secure = Awaited<ReturnType<typeof createSecure>>

export async function createSecure ({ tls, ipv6 = false, shell = ['dash'], environment = {} }: SecureOptions = {}) {
  const root = await mkdtemp(join(tmpdir(), 'redis-lab-'))
  const network = await createNetwork({ ipv6 })
  const tlsDir = join(root, 'tls')
  await mkdir(tlsDir)
  if (tls) await makeCertificates(tlsDir)
  const path = systemPath()
  const flags = tls ? tlsCliFlags(tls, tlsDir) : []
  const create = (kind: Kind, host: number) => Promise.all(ORDINALS.map(async (ordinal) => createPod({
    kind,
    ordinal,
    ip: network.address(host + ordinal),
    address: network.address(host + 10 + ordinal),
    folder: join(root, `${kind}-${ordinal}`),
    sandbox: await network.sandbox(`s${kind[0]}${ordinal}`),
    shell,
    path,
    environment: { AUTH_DIR: join(root, `auth-${kind}-${ordinal}`), LANG: 'C.UTF-8', TLS_DIR: tlsDir, ...environment },
  })))
  const [redis, sentinels] = [await create('redis', 10), await create('sentinel', 30)]
  const pods = [...redis, ...sentinels]

  const authDir = ({ kind, ordinal }: Pod) => join(root, `auth-${kind}-${ordinal}`)

  /** What the kubelet does with a new Secret. */
  async function setSecret (pod: Pod, files: Readonly<Record<string, string>>): Promise<void> {
    await rm(authDir(pod), { recursive: true, force: true })
    await mkdir(authDir(pod), { recursive: true })
    for (const [name, text] of Object.entries(files)) await writeFile(join(authDir(pod), name), text)
  }
  const setPassword = (pod: Pod, password: string) => setSecret(pod, { password })

  /** As in a pod that was made before its cluster had a password. */
  const withoutSecret = (pod: Pod) => rm(authDir(pod), { recursive: true })

  async function ask (from: Pod, address: string, port: number, password: string | undefined, ...command: string[]): Promise<string> {
    const [program = '', ...args] = [...from.sandbox.enter, 'sh', '-c', 'p=redis-cli; command -v $p >/dev/null || p=valkey-cli; exec timeout 3 $p "$@"', 'sh']
    const env = { PATH: path, ...(password !== undefined && { REDISCLI_AUTH: password }) }
    const { stdout } = await run(program, [...args, '-h', address, '-p', String(port), ...flags, ...command], { env })
    return stdout
  }

  async function infos (password: string): Promise<(Fields | undefined)[]> {
    return Promise.all(redis.map((pod) => ask(pod, pod.address(), REDIS_PORT, password, 'INFO').then(parseInfo, () => undefined)))
  }

  let identity = IDENTITY
  const env = (auth: 'open' | 'required') => clusterEnv({
    auth,
    masterName: MASTER_NAME,
    redisPort: REDIS_PORT,
    sentinelPort: SENTINEL_PORT,
    redisAddresses: redis.map((pod) => pod.address()),
    sentinelAddresses: sentinels.map((pod) => pod.address()),
    sentinelIds: sentinels.map((pod) => createHash('sha1').update(pod.name).digest('hex')),
    quorum: 2,
    downAfterMilliseconds: 2000,
    failoverTimeout: 4000,
    fenceMilliseconds: fenceMs(2000),
    minReplicas: minReplicas(3),
    handoverSeconds: HANDOVER_SECONDS,
    identity,
    redisCliFlags: flags,
  })
  for (const pod of pods) {
    const secure = { tls: tls && { clientCertificates: tls }, tlsDir, dir: pod.data }
    await pod.configure({
      ...LOCAL_SCRIPTS,
      ...SCRIPTS,
      'cluster.env': env('required'),
      'redis.conf': redisConf({ persistent: true, redisReplicas: 3, port: REDIS_PORT, ...secure }),
      'sentinel.conf': sentinelConf({ port: SENTINEL_PORT, ...secure }),
    })
    await setPassword(pod, `${PASSWORD}\n`)
  }
  async function close (): Promise<void> {
    for (const pod of pods) await pod.kill()
    await network.close()
    await rm(root, { recursive: true, force: true })
  }

  return {
    redis,
    sentinels,
    pods,
    setSecret,
    setPassword,
    withoutSecret,
    /** What the hook writes while not every pod has the password yet, and afterwards. */
    setAuth: async (auth: 'open' | 'required', some: readonly Pod[] = pods) => { for (const pod of some) await pod.configure({ 'cluster.env': env(auth) }) },
    /** What the hook writes for an object that was made anew. */
    setIdentity: (made: string) => { identity = made },
    ask,
    infos,
    close,
    tlsDir,
    network,
    startAll: async () => { for (const pod of pods) await pod.start() },
    /** The ordinal of the one master that all others follow and all sentinels name, and all first copies are on the disks. */
    healed: (password = PASSWORD) => until('one master, all others linked, all sentinels agree', async () => {
      const all = await infos(password)
      if (all.some((fields) => fields?.['aof_rewrite_in_progress'] !== '0' || fields['aof_rewrite_scheduled'] !== '0')) return undefined
      const master = all.findIndex((fields) => fields?.['role'] === 'master')
      const address = redis[master]?.address()
      const linked = all.filter((fields) => fields?.['master_host'] === address && fields?.['master_link_status'] === 'up')
      if (address === undefined || linked.length !== 2) return undefined
      const views = await Promise.all(sentinels.map((pod) => ask(pod, pod.address(), SENTINEL_PORT, password, 'SENTINEL', 'MASTER', MASTER_NAME)))
      return views.every((view) => view.includes(`\n${address}\n`) && view.includes('\nflags\nmaster\n') && view.includes('\nnum-other-sentinels\n2\n')) ? master : undefined
    }),
  }
}

/** What cert-manager would put into the Secret; `leaf`: anew from the same authority. */
export async function makeCertificates (folder: string, which: 'all' | 'leaf' = 'all'): Promise<void> {
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder })
  const fresh = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  if (which === 'all') await openssl(...fresh, '-x509', '-days', '2', '-subj', '/CN=lab', '-keyout', 'ca.key', '-out', 'ca.crt')
  await openssl(...fresh, '-subj', '/CN=redis', '-keyout', 'tls.key', '-out', 'request')
  await openssl('x509', '-req', '-days', '2', '-in', 'request', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-out', 'tls.crt')
}
