// A pod of the lab: a network namespace with addresses, a folder for the ConfigMap, one for the volume, and the process that the
// pod's own script starts in there. What the kubelet does with a container, the methods do.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdir, open, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Sandbox } from './network.ts'
import { within } from './questions.ts'

const run = promisify(execFile)
/** Redis gives its replicas ten seconds (shutdown-timeout). */
const END_MS = 20_000
const running = new Set<number>()
/** Before PATH: a `date` of its own. What the kernel stamps on files stays; `date` in seconds is what scripts ask. */
const clockScript = (seconds: number) => `#!/bin/sh
exec /usr/bin/date -d "@$(($(/usr/bin/date +%s) + ${seconds}))" "$@"
`

export type Kind = 'redis' | 'sentinel'

export interface PodOptions {
  readonly kind: Kind
  readonly ordinal: number
  /** The announced address, of the pod's own Service. */
  readonly address: string
  /** The pod's own address. */
  readonly ip: string
  readonly folder: string
  readonly sandbox: Sandbox
  /** The command line of the shell that runs the scripts. */
  readonly shell: readonly string[]
  readonly path: string | undefined
  /** More variables for the scripts. */
  readonly environment?: NodeJS.ProcessEnv
}

export interface Script { readonly code: number, readonly output: string }

export type Pod = Awaited<ReturnType<typeof createPod>>

export async function createPod (options: PodOptions) {
  const { kind, ordinal, folder, sandbox, shell } = options
  const name = `lab-${kind}-${ordinal}`
  const [config, data, memory, log] = ['config', 'data', 'memory', 'log'].map((name) => join(folder, name)) as [string, string, string, string]
  let { address, ip } = options
  let child: ChildProcess | undefined
  let onExit: (byItself: boolean) => void = () => {}
  let ended: ChildProcess | undefined
  let settings = ''
  let limited = false
  await Promise.all([config, data, memory].map((path) => mkdir(path, { recursive: true })))
  await sandbox.addAddress(ip)
  await sandbox.addAddress(address, 'service')

  const environment: NodeJS.ProcessEnv = {
    PATH: options.path, POD_NAME: name, CONFIG_DIR: config, DATA_DIR: data, MEMORY_DIR: memory, HOOK_LOG: log, ...options.environment,
  }

  function command (script: string): [string, string[]] {
    const [program = '', ...args] = [...sandbox.enter, ...shell, join(config, script)]
    return [program, args]
  }

  const isRunning = () => child !== undefined && child.exitCode === null && child.signalCode === null

  async function start (): Promise<void> {
    if (isRunning()) throw new Error(`${name} runs already`)
    const output = await open(log, 'a')
    // a process group of its own: a start script that still waits dies with what it has started
    const started = spawn(...command(`${kind}-start.sh`), { env: environment, stdio: ['ignore', output.fd, output.fd], detached: true })
    child = started
    const { pid } = started
    if (pid !== undefined) running.add(pid)
    started.once('exit', () => { running.delete(pid ?? 0); onExit(ended !== started) })
    await once(started, 'spawn')
    await output.close()
  }

  /** To the whole group: what the shell has started as well. Nothing when nothing runs. */
  function signal (name: NodeJS.Signals): void {
    if (isRunning() && child?.pid !== undefined) process.kill(-child.pid, name)
  }

  async function end (name: NodeJS.Signals): Promise<void> {
    if (!child || !isRunning()) return
    ended = child
    const gone = once(child, 'exit')
    signal(name)
    await within(END_MS, `${name} has not ended ${options.kind} ${ordinal}`, gone)
  }

  async function script (file: string): Promise<Script> {
    try {
      const { stdout } = await run(...command(file), { env: environment, timeout: 60_000 })
      return { code: 0, output: stdout.trim() }
    } catch (error) {
      const { code, stdout } = error as { code: number, stdout: string }
      return { code, output: String(stdout).trim() }
    }
  }

  return {
    kind,
    ordinal,
    name,
    sandbox,
    data,
    /** Where its scripts keep what is not for its next process: /dev/shm in a real pod. */
    memory,
    start,
    signal,
    script,
    isRunning,
    /** Of the server, once the start script has become it. */
    pid: () => child?.pid,
    address: () => address,
    ip: () => ip,
    kill: () => end('SIGKILL'),
    /** What the kubelet does before it removes a pod. */
    terminate: async () => {
      if (kind === 'redis') await script('redis-prestop.sh')
      await end('SIGTERM')
    },
    /** The end of the volume: everything in it is gone. */
    wipe: async () => { for (const file of await readdir(data)) await rm(join(data, file), { recursive: true }) },
    log: () => readFile(log, 'utf8').catch(() => ''),
    /** The kubelet refreshes the files of a ConfigMap while the pod runs, and nobody ever reads half a file. */
    configure: async (files: Readonly<Record<string, string>>) => {
      for (const [file, text] of Object.entries(files)) {
        await writeFile(join(config, `${file}.new`), file === `${kind}.conf` ? text + settings : text)
        await rename(join(config, `${file}.new`), join(config, file))
      }
    },
    /** A setting of this pod alone. */
    addSetting: async (line: string) => {
      settings += `${line}\n`
      await appendFile(join(config, `${kind}.conf`), `${line}\n`)
    },
    /** A volume with an end: in memory, empty. */
    limitVolume: async (megabytes: number) => {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', data])
      limited = true
    },
    /** Until nothing more can be written. */
    fillVolume: () => run('sh', ['-c', 'dd if=/dev/zero of="$0/ballast" bs=4096 2>/dev/null || [ -s "$0/ballast" ]', data]),
    /** The node's clock is so many seconds ahead, for what is started from now on; 0: it is right. */
    shiftClock: async (seconds: number) => {
      const bin = join(folder, 'clock')
      await mkdir(bin, { recursive: true })
      await writeFile(join(bin, 'date'), clockScript(seconds), { mode: 0o755 })
      environment['PATH'] = seconds === 0 ? options.path : [bin, options.path].join(':')
    },
    /** Every file of the volume was written then. */
    dateFiles: async (at: Date) => {
      const entries = await readdir(data, { recursive: true })
      for (const entry of entries) await utimes(join(data, entry), at, at)
    },
    /** A volume on a disk of its own, which can stop; empty. */
    ownDisk: async (megabytes: number) => {
      const image = join(folder, 'disk')
      await run('truncate', ['-s', `${megabytes}M`, image])
      await run('mkfs.ext4', ['-q', '-F', image])
      await run('mount', ['-o', 'loop', image, data])
      await rm(join(data, 'lost+found'), { recursive: true })
      limited = true
    },
    /**
     * The disk takes nothing for so long: who writes or syncs hangs. The shell thaws it whatever becomes of the test, since a process
     * that hangs there cannot even be killed.
     */
    freezeDisk: (seconds: number) => run('sh', ['-c', 'trap "" INT TERM; fsfreeze -f "$0" && sleep "$1"; fsfreeze -u "$0"', data, String(seconds)]),
    close: async () => {
      await end('SIGKILL')
      if (limited) await run('umount', ['-l', data])
    },
    /** The pod is created anew. */
    moveTo: async (newIp: string) => {
      await sandbox.removeAddress(ip)
      await sandbox.addAddress(newIp)
      ip = newIp
    },
    /** The pod's Service is created anew. */
    announceAt: async (newAddress: string) => {
      await sandbox.removeAddress(address, 'service')
      await sandbox.addAddress(newAddress, 'service')
      address = newAddress
    },
    /** `byItself`: neither `kill` nor `terminate` ended it. */
    whenItEnds: (listener: (byItself: boolean) => void) => { onExit = listener },
  }
}

/** Their own addresses, and those of their Services. */
export function addressesOf (pods: readonly Pod[]): string[] {
  return pods.flatMap((pod) => [pod.ip(), pod.address()])
}

/** Also a test that ends in the middle leaves no process behind. */
process.once('SIGTERM', () => process.exit(143))
process.once('exit', () => { for (const pid of running) process.kill(-pid, 'SIGKILL') })
