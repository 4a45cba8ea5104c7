// A cluster of real redis and sentinel processes on one machine, started by the very scripts and configuration that the hook
// puts into the ConfigMaps. Each pod has a network namespace of its own.
import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { RedisSentinelSpec } from '../../src/api/redis-sentinel.ts'
import { clusterIdentity, hash } from '../../src/metadata/names.ts'
import { configMaps, type Members } from '../../src/redis-sentinel/config-maps.ts'
import { redisConf } from '../../src/redis-sentinel/redis-conf.ts'
import { createNetwork, HOME, type Network } from './network.ts'
import { createPod, type Kind, type Pod, type Script } from './pod.ts'
import { ask, connection, type Fields, info, MASTER_NAME, REDIS_PORT, SENTINEL_PORT, sentinelMaster, until } from './questions.ts'

const run = promisify(execFile)

export type Shell = 'dash' | 'busybox sh'
/** By the files' names, for the pods of one kind. */
export type Configuration = Readonly<Record<Kind, Readonly<Record<string, string>>>>

export const NAME = 'lab'

/** As its object has it. Clusters in one network differ in the namespace. */
interface Identity { readonly name: string, readonly namespace: string, readonly uid: string }

export interface LabOptions {
  readonly shell?: Shell
  readonly persistent?: boolean
  readonly redisReplicas?: number
  readonly sentinelReplicas?: number
  /** Pods of each kind that are there to be scaled to. */
  readonly spare?: number
  readonly downAfterMilliseconds?: number
  readonly failoverTimeout?: number
  readonly quorum?: number
  readonly ipv6?: boolean
  /** The pods' name server is at the bridge, where a test may listen; it is the machine's own, out of reach, if left out. */
  readonly nameServer?: true
  /** Several clusters in one network: each has a place of its own, 0 or 1. */
  readonly network?: Network
  readonly place?: number
  /** For the scripts of all pods. */
  readonly environment?: NodeJS.ProcessEnv
}

export interface Changes extends Partial<Members> {
  readonly spec?: Partial<RedisSentinelSpec>
}

export type Lab = Awaited<ReturnType<typeof createLab>>

/** A lab for one test, which shows the logs when the test fails. */
export async function labFor (t: Test, options: LabOptions = {}): Promise<Lab> {
  const lab = await createLab(options)
  t.teardown(async () => {
    if (!t.passing()) for (const [kind, ordinal] of lab.everybody()) t.comment(`${kind} ${ordinal}\n${await lab.log(kind, ordinal)}`)
    await lab.close()
  })
  return lab
}

export async function createLab (options: LabOptions = {}) {
  const { shell = 'dash', persistent = true, redisReplicas = 3, sentinelReplicas = 3, spare = 0, ipv6 = false, place = 0 } = options
  const root = await mkdtemp(join(tmpdir(), 'redis-lab-'))
  const identity: Identity = place === 0
    ? { name: NAME, namespace: 'lab', uid: 'cluster' }
    : { name: NAME, namespace: `lab-${place}`, uid: `cluster-${place}` }
  const network = options.network ?? await createNetwork({ ipv6 })
  const withNames = options.nameServer ? await withNameServer(root, network.address(HOME)) : []
  const path = shell === 'dash' ? systemPath() : await busyboxPath(root)
  const create = (kind: Kind, host: number, count: number) => Promise.all(Array.from({ length: count }, async (_, ordinal) => createPod({
    kind,
    ordinal,
    ip: network.address(100 * place + host + ordinal),
    address: network.address(100 * place + host + 10 + ordinal),
    folder: join(root, `${kind}-${ordinal}`),
    sandbox: await network.sandbox(`${place}${kind[0]}${ordinal}`),
    shell: [...withNames, ...(shell === 'dash' ? ['dash'] : ['busybox', 'sh'])],
    path,
    ...options.environment && { environment: options.environment },
  })))
  const redis = await create('redis', 10, redisReplicas + spare)
  const sentinels = await create('sentinel', 30, sentinelReplicas + spare)
  const pods = [...redis, ...sentinels]
  const addresses = (some: readonly Pod[]) => some.map((pod) => pod.address())

  let spec = RedisSentinelSpec.parse({
    redisReplicas,
    sentinelReplicas,
    downAfterMilliseconds: options.downAfterMilliseconds ?? 5000,
    failoverTimeout: options.failoverTimeout ?? 4000,
    ...(options.quorum !== undefined && { quorum: options.quorum }),
  })
  let members: Members = {
    redis: addresses(redis.slice(0, redisReplicas)), sentinels: addresses(sentinels.slice(0, sentinelReplicas)), lastMaster: undefined,
  }

  /** What the kubelet does when a ConfigMap has changed. */
  async function publish (configuration: Configuration): Promise<void> {
    for (const pod of pods) {
      const files = configuration[pod.kind]
      const main = `${pod.kind}.conf`
      const base = persistent || pod.kind === 'sentinel' ? files[main] ?? '' : redisConf({ persistent, redisReplicas, port: REDIS_PORT })
      // a mount in a real pod, and perhaps no folder of this machine
      await pod.configure({ ...files, [main]: base.replace(/^dir .*$/m, `dir ${pod.data}`) })
    }
  }

  /** What the hook does when the spec, the Services or the master have changed. */
  async function configure ({ spec: changed, ...others }: Changes): Promise<void> {
    spec = { ...spec, ...changed }
    members = { ...members, ...others }
    await publish(configurationOf(identity, spec, members))
  }

  function pod (kind: Kind, ordinal: number): Pod {
    const found = (kind === 'redis' ? redis : sentinels)[ordinal]
    if (found === undefined) throw new RangeError(`no ${kind} ${ordinal}`)
    return found
  }

  const member = { redis: () => redis.slice(0, members.redis.length), sentinel: () => sentinels.slice(0, members.sentinels.length) }

  function everybody (): [Kind, number][] {
    return [...member.redis(), ...member.sentinel()].map(({ kind, ordinal }) => [kind, ordinal])
  }

  async function startAll (order: readonly [Kind, number][] = everybody()): Promise<void> {
    for (const [kind, ordinal] of order) await pod(kind, ordinal).start()
  }

  /** What a kubelet's first readiness check does when a sentinel has reached its master: sentinel-start.sh is patient. */
  async function endPatience (): Promise<void> {
    await Promise.all(member.sentinel().map(async (sentinel) => {
      const view = await sentinelMaster(sentinel.address())
      if (view['down-after-milliseconds'] !== String(spec.downAfterMilliseconds)) await sentinel.script('sentinel-ready.sh')
    }))
  }

  const infos = (): Promise<(Fields | undefined)[]> => Promise.all(member.redis().map((some) => info(some.address()).catch(() => undefined)))

  /** The ordinal of the one master once everything is right: all follow it, all sentinels agree and know everybody. */
  function healed (seconds = 40): Promise<number> {
    return until('one master, all others linked, all sentinels agree', async () => {
      const all = await infos()
      const master = all.findIndex((fields) => fields?.['role'] === 'master')
      const address = redis[master]?.address()
      const linked = all.filter((fields) => fields?.['master_host'] === address && fields?.['master_link_status'] === 'up')
      if (address === undefined || linked.length !== members.redis.length - 1) return undefined
      const views = await Promise.all(member.sentinel().map((sentinel) => sentinelMaster(sentinel.address())))
      const right = views.every((view) => view['ip'] === address && view['flags'] === 'master' &&
        view['num-slaves'] === String(members.redis.length - 1) && view['num-other-sentinels'] === String(members.sentinels.length - 1))
      if (!right) return undefined
      // one that restarts meanwhile is asked again
      await endPatience()
      return master
    }, seconds)
  }

  /**
   * Until a kill of everybody loses nothing. A replica that has just been copied writes its first append only file in the
   * background, and on a slow disk redis holds writes back in memory for up to two seconds.
   */
  function durable (): Promise<true> {
    const pending = ['aof_rewrite_in_progress', 'aof_rewrite_scheduled', 'aof_buffer_length', 'aof_pending_bio_fsync']
    return until('every copy is on disk', async () => {
      const all = await infos()
      return all.every((fields) => fields === undefined || pending.every((name) => fields[name] === '0')) || undefined
    })
  }

  /** Until writes reach every replica: a master begins to stream up to a second after the first copy. */
  function streaming (): Promise<true> {
    return until('every redis has keys', async () => (await infos()).every((fields) => fields?.['db0'] !== undefined) || undefined)
  }

  /** Until every replica that lives has what its master has: replication is asynchronous. */
  function level (): Promise<true> {
    return until('all replicas have everything', async () => {
      const all = (await infos()).filter((fields) => fields !== undefined)
      const { master_repl_offset: wanted, master_replid: history } = all.find((fields) => fields['role'] === 'master') ?? {}
      // one that still has its connection to a master that has restarted counts in another history
      const isLevel = (fields: Fields) => fields['master_replid'] === history && Number(fields['slave_repl_offset']) >= Number(wanted)
      return all.every((fields) => fields['role'] === 'master' || isLevel(fields)) || undefined
    })
  }

  /** Until every redis has noted that it is in the stream: how old its data is can be told from then on. */
  function noted (): Promise<true> {
    return until('all have noted that they are in the stream', async () => {
      await Promise.all(member.redis().map(({ data }) => access(join(data, '.in-stream'))))
      return true as const
    })
  }

  /** By the sentinels alone, without a pause: what is written meanwhile may be lost. */
  function failover (): Promise<true> {
    return until('a sentinel begins a failover', async () =>
      await ask(sentinels[0]?.address() ?? '', SENTINEL_PORT, 'SENTINEL', 'FAILOVER', MASTER_NAME) === 'OK' || undefined)
  }

  /** Ordinals of the redis processes that say they are master now. */
  async function masters (): Promise<number[]> {
    const all = await infos()
    return all.flatMap((fields, ordinal) => fields?.['role'] === 'master' ? [ordinal] : [])
  }

  /** A command that only the operator's own users may give, when the cluster has them; as the default user when it has none. */
  async function command (address: string, ...words: readonly [string, ...string[]]): Promise<unknown> {
    const redis = connection(address, REDIS_PORT)
    try {
      await redis.connect()
      const { name, namespace, uid } = identity
      const password = hash('sha256', `operator-probe:${clusterIdentity(namespace, name, uid)}:`)
      await redis.call('AUTH', 'operator-probe', password).catch(() => undefined)
      const [first, ...rest] = words
      return await redis.call(first, ...rest)
    } finally {
      redis.disconnect()
    }
  }

  async function close (): Promise<void> {
    for (const some of pods) await some.close()
    if (!options.network) await network.close()
    await rm(root, { recursive: true, force: true })
  }

  await configure({})
  return {
    network,
    configure,
    publish,
    identity,
    command,
    pod,
    start: (kind: Kind, ordinal: number) => pod(kind, ordinal).start(),
    startAll,
    kill: (kind: Kind, ordinal: number) => pod(kind, ordinal).kill(),
    wipe: (kind: Kind, ordinal: number) => pod(kind, ordinal).wipe(),
    script: (name: string, ordinal: number, kind: Kind = 'redis'): Promise<Script> => pod(kind, ordinal).script(name),
    log: (kind: Kind, ordinal: number) => pod(kind, ordinal).log(),
    healed,
    streaming,
    durable,
    level,
    noted,
    failover,
    masters,
    infos,
    /** How many failovers there were, as the first sentinel counts them. */
    epoch: async () => (await sentinelMaster(sentinels[0]?.address() ?? ''))['config-epoch'],
    everybody,
    close,
    root,
    spec: () => spec,
    pods: (): readonly Pod[] => [...member.redis(), ...member.sentinel()],
    redis: addresses(redis),
    sentinels: addresses(sentinels),
    data: (kind: Kind, ordinal: number) => pod(kind, ordinal).data,
  }
}

/** The two ConfigMaps as the hook writes them. */
function configurationOf (metadata: Identity, spec: RedisSentinelSpec, members: Members): Configuration {
  const [redis, sentinel] = configMaps({ metadata }, spec, members)
  return { redis: redis?.data ?? {}, sentinel: sentinel?.data ?? {} }
}

/** Prefix of a command line: the rest sees a resolv.conf of its own. */
async function withNameServer (root: string, address: string): Promise<string[]> {
  const file = join(root, 'resolv.conf')
  await writeFile(file, `nameserver ${address}\n`)
  return ['unshare', '--mount', 'sh', '-c', `mount --bind ${file} /etc/resolv.conf && exec "$@"`, 'sh']
}

/** REDIS_BIN_DIR holds another version of redis than the system's own. */
export function systemPath (): string {
  return [process.env['REDIS_BIN_DIR'], process.env['PATH']].filter(Boolean).join(':')
}

// Alpine's environment: every tool is busybox's own, and nothing else is there but redis.
async function busyboxPath (root: string): Promise<string> {
  const bin = join(root, 'bin')
  await mkdir(bin)
  const { stdout } = await run('busybox', ['--list'])
  const busybox = await which('busybox')
  for (const applet of new Set([...stdout.trim().split('\n'), 'busybox'])) await symlink(busybox, join(bin, applet))
  for (const program of ['redis-server', 'redis-cli']) await symlink(await which(program), join(bin, program))
  return bin
}

async function which (program: string): Promise<string> {
  const { stdout } = await run('sh', ['-c', `command -v ${program}`], { env: { PATH: systemPath() } })
  return stdout.trim()
}
