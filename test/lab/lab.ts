// A cluster of real redis and sentinel processes on one machine, started by the very scripts that run in the pods.
// A pod is a folder: config (the ConfigMap), data (the volume) and an address of its own in 127.0.0.0/8.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, open, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { clusterEnv, type Topology } from '../../src/redis-sentinel/cluster-env.ts'
import { redisConf } from '../../src/redis-sentinel/redis-conf.ts'
import { sentinelConf } from '../../src/redis-sentinel/sentinel-conf.ts'
import { ask, type Fields, info, MASTER_NAME, REDIS_PORT, SENTINEL_PORT, sentinelMaster, until } from './questions.ts'

const run = promisify(execFile)
const SCRIPTS = new URL('../../src/redis-sentinel/scripts/', import.meta.url).pathname

export type Shell = 'dash' | 'busybox sh'
type Kind = 'redis' | 'sentinel'

export interface LabOptions {
  readonly shell?: Shell
  readonly persistent?: boolean
  readonly redisReplicas?: number
  readonly downAfterMilliseconds?: number
}

interface Pod {
  readonly kind: Kind
  readonly ordinal: number
  readonly address: string
  readonly config: string
  readonly data: string
  readonly log: string
  process: ChildProcess | undefined
}

export type Lab = Awaited<ReturnType<typeof createLab>>

let labs = 0
const running = new Set<number>()

// Also a test that ends in the middle leaves no process behind.
function killAtExit (): void {
  process.once('SIGTERM', () => process.exit(143))
  process.once('exit', () => { for (const pid of running) process.kill(-pid, 'SIGKILL') })
}

// Test files run at the same time, each in a process of its own: a /24 for each lab of each process.
function network (): string {
  const number = process.pid * 16 + labs++ % 16
  return `127.${10 + (number >> 8) % 240}.${number % 256}`
}

/** A lab for one test, which shows the logs when the test fails. */
export async function labFor (t: Test, options: LabOptions = {}): Promise<Lab> {
  const lab = await createLab(options)
  t.teardown(async () => {
    for (const [kind, ordinal] of t.passing() ? [] : lab.everybody()) t.comment(`${kind} ${ordinal}\n${await lab.log(kind, ordinal)}`)
    await lab.close()
  })
  return lab
}

async function refuseForeign (address: string, port: number): Promise<void> {
  const answer = await ask(address, port, 'PING').catch(() => undefined)
  if (answer !== undefined) throw new Error(`something else listens on port ${port} of all addresses`)
}

async function createLab (options: LabOptions = {}) {
  const { shell = 'dash', persistent = true, redisReplicas = 3, downAfterMilliseconds = 5000 } = options
  if (labs === 0) killAtExit()
  const root = await mkdtemp(join(tmpdir(), 'redis-lab-'))
  const prefix = network()
  for (const port of [REDIS_PORT, SENTINEL_PORT]) await refuseForeign(`${prefix}.250`, port)
  const path = shell === 'dash' ? process.env['PATH'] : await busyboxPath(root)
  const redis = pods('redis', redisReplicas, `${prefix}.1`, root)
  const sentinels = pods('sentinel', 3, `${prefix}.2`, root)
  let topology: Topology = {
    masterName: MASTER_NAME,
    redisPort: REDIS_PORT,
    sentinelPort: SENTINEL_PORT,
    redisAddresses: redis.map((pod) => pod.address),
    sentinelAddresses: sentinels.map((pod) => pod.address),
    sentinelIds: sentinels.map((pod) => createHash('sha1').update(pod.address).digest('hex')),
    quorum: 2,
    downAfterMilliseconds,
    failoverTimeout: 4000,
  }

  async function prepare (): Promise<void> {
    for (const pod of [...redis, ...sentinels]) {
      await mkdir(pod.config, { recursive: true })
      await mkdir(pod.data, { recursive: true })
      for (const file of await readdir(SCRIPTS)) await symlink(join(SCRIPTS, file), join(pod.config, file))
      const text = pod.kind === 'redis'
        ? redisConf({ persistent, redisReplicas, port: REDIS_PORT, dir: pod.data })
        : sentinelConf({ port: SENTINEL_PORT, dir: pod.data })
      await writeFile(join(pod.config, `${pod.kind}.conf`), `${text}bind ${pod.address}\nbind-source-addr ${pod.address}\n`)
    }
    await configure({})
  }

  /** What the hook does when the spec or the status changes. */
  async function configure (changes: Partial<Topology>): Promise<void> {
    topology = { ...topology, ...changes }
    for (const pod of [...redis, ...sentinels]) await writeFile(join(pod.config, 'cluster.env'), clusterEnv(topology))
  }

  const environment = (pod: Pod): NodeJS.ProcessEnv => ({
    PATH: path,
    POD_NAME: `lab-${pod.kind}-${pod.ordinal}`,
    CONFIG_DIR: pod.config,
    DATA_DIR: pod.data,
    LOCAL_ADDRESS: pod.address,
    HOOK_LOG: pod.log,
  })

  function pod (kind: Kind, ordinal: number): Pod {
    const found = (kind === 'redis' ? redis : sentinels)[ordinal]
    if (found === undefined) throw new RangeError(`no ${kind} ${ordinal}`)
    return found
  }

  function command (script: string, at: Pod): [string, string[]] {
    const [program = 'sh', ...args] = shell === 'dash' ? ['dash'] : ['busybox', 'sh']
    return [program, [...args, join(at.config, script)]]
  }

  async function start (kind: Kind, ordinal: number): Promise<void> {
    const at = pod(kind, ordinal)
    const log = await open(at.log, 'a')
    // a process group of its own: a start script that still waits dies with what it has started
    at.process = spawn(...command(`${kind}-start.sh`, at), { env: environment(at), stdio: ['ignore', log.fd, log.fd], detached: true })
    const { pid } = at.process
    if (pid !== undefined) {
      running.add(pid)
      at.process.once('exit', () => running.delete(pid))
    }
    await once(at.process, 'spawn')
    await log.close()
  }

  async function kill (kind: Kind, ordinal: number): Promise<void> {
    const at = pod(kind, ordinal)
    const child = at.process
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    process.kill(-child.pid, 'SIGKILL')
    await gone
    at.process = undefined
  }

  /** The end of the volume: everything in it is gone. */
  async function wipe (kind: Kind, ordinal: number): Promise<void> {
    const { data } = pod(kind, ordinal)
    await rm(data, { recursive: true })
    await mkdir(data)
  }

  async function script (name: string, ordinal: number, kind: Kind = 'redis'): Promise<{ code: number, output: string }> {
    const at = pod(kind, ordinal)
    try {
      const { stdout } = await run(...command(name, at), { env: environment(at) })
      return { code: 0, output: stdout.trim() }
    } catch (error) {
      const { code, stdout } = error as { code: number, stdout: string }
      return { code, output: stdout.trim() }
    }
  }

  const log = (kind: Kind, ordinal: number): Promise<string> => readFile(pod(kind, ordinal).log, 'utf8')

  async function startAll (order: readonly [Kind, number][] = everybody()): Promise<void> {
    for (const [kind, ordinal] of order) await start(kind, ordinal)
  }

  function everybody (): [Kind, number][] {
    return [...redis, ...sentinels].map(({ kind, ordinal }) => [kind, ordinal])
  }

  const infos = (): Promise<(Fields | undefined)[]> => Promise.all(redis.map(({ address }) => info(address).catch(() => undefined)))

  /** The ordinal of the one master once everything is right: all follow it, all sentinels agree and know everybody. */
  function healed (): Promise<number> {
    return until('one master, all others linked, all sentinels agree', async () => {
      const all = await infos()
      const master = all.findIndex((fields) => fields?.['role'] === 'master')
      const address = redis[master]?.address
      const linked = all.filter((fields) => fields?.['master_host'] === address && fields?.['master_link_status'] === 'up')
      if (address === undefined || linked.length !== redis.length - 1) return undefined
      const views = await Promise.all(sentinels.map((sentinel) => sentinelMaster(sentinel.address)))
      const right = views.every((view) => view['ip'] === address && view['flags'] === 'master' &&
        view['num-slaves'] === String(redis.length - 1) && view['num-other-sentinels'] === String(sentinels.length - 1))
      return right ? master : undefined
    })
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
      const wanted = all.find((fields) => fields['role'] === 'master')?.['master_repl_offset']
      return all.every((fields) => fields['role'] === 'master' || Number(fields['slave_repl_offset']) >= Number(wanted)) || undefined
    })
  }

  /** Ordinals of the redis processes that say they are master now. */
  async function masters (): Promise<number[]> {
    const all = await infos()
    return all.flatMap((fields, ordinal) => fields?.['role'] === 'master' ? [ordinal] : [])
  }

  async function close (): Promise<void> {
    for (const [kind, ordinal] of everybody()) await kill(kind, ordinal)
    await rm(root, { recursive: true, force: true })
  }

  await prepare()
  return {
    configure,
    start,
    startAll,
    kill,
    wipe,
    script,
    log,
    healed,
    streaming,
    durable,
    level,
    masters,
    everybody,
    close,
    root,
    redis: redis.map(({ address }) => address),
    sentinels: sentinels.map(({ address }) => address),
    data: (kind: Kind, ordinal: number) => pod(kind, ordinal).data,
  }
}

function pods (kind: Kind, count: number, prefix: string, root: string): Pod[] {
  return Array.from({ length: count }, (_, ordinal) => {
    const folder = join(root, `${kind}-${ordinal}`)
    return { kind, ordinal, address: `${prefix}${ordinal}`, config: join(folder, 'config'), data: join(folder, 'data'), log: join(folder, 'log'), process: undefined }
  })
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
  const { stdout } = await run('sh', ['-c', `command -v ${program}`])
  return stdout.trim()
}
