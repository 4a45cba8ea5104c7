/** Real redis and sentinel processes on loopback addresses, shown to the probe as pods by the fake API server. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { sentinelId } from '../../src/metadata/names.ts'
import { createFakeApiServer, type FakeApiServer, type FakeObject } from './fake-api-server.ts'

const NAMESPACE = 'lab'
const CLUSTER = 'sample'
const PODS = '/api/v1/pods'

export interface Lab {
  readonly api: FakeApiServer
  readonly folder: string
  readonly address: (pod: string) => string
  readonly signal: (pod: string, signal: NodeJS.Signals) => void
  readonly startRedis: (ordinal: number, master?: number, more?: readonly string[]) => void
  readonly startSentinels: () => void
  /** One that was stopped, on the file that it left. */
  readonly restartSentinel: (ordinal: number) => void
  readonly times: Times
  readonly role: (pod: string) => Promise<string | undefined>
  readonly labels: () => Record<string, string | undefined>
  readonly command: (pod: string, ...words: [string, ...string[]]) => Promise<unknown>
  readonly stop: () => Promise<void>
}

export const redisPod = (ordinal: number) => `${CLUSTER}-redis-${ordinal}`
export const sentinelPod = (ordinal: number) => `${CLUSTER}-sentinel-${ordinal}`

export interface Times { readonly downAfterMilliseconds: number, readonly failoverTimeout: number }
const QUICK: Times = { downAfterMilliseconds: 500, failoverTimeout: 3000 }

const ONE_SHOT = { protocol: 2, retryStrategy: null, connectTimeout: 500, commandTimeout: 500, enableReadyCheck: false, lazyConnect: true } as const

let labs = 0

export async function startLab ({ replicas = 3, sentinels = 3, times = QUICK } = {}): Promise<Lab> {
  const folder = mkdtempSync(join(tmpdir(), 'probe-lab-'))
  const processes = new Map<string, ChildProcess>()
  // Two test files may run at once: addresses of their own for each process (of 51,200 that follow each other) and each of its labs.
  const first = 20 * (++labs % 12)
  const net = `127.${20 + (process.pid >> 8) % 200}.${process.pid % 256}`
  const address = (pod: string) => `${net}.${first + (pod.includes('-redis-') ? 1 : 11) + Number(pod.at(-1))}`
  const api = createFakeApiServer()
  await api.start()

  const run = (pod: string, args: string[]) => {
    processes.set(pod, spawn('redis-server', [...args, '--bind', address(pod), '--dir', folder, '--save', ''], { stdio: 'ignore' }))
  }
  const startRedis = (ordinal: number, master?: number, more: readonly string[] = []) => {
    const pod = redisPod(ordinal)
    run(pod, [
      '--port', '6379', '--replica-announce-ip', address(pod), '--dbfilename', `${pod}.rdb`, '--repl-diskless-sync-delay', '0',
      ...master === undefined ? [] : ['--replicaof', address(redisPod(master)), '6379'],
      ...more,
    ])
  }
  const sentinelFile = (n: number) => join(folder, `${sentinelPod(n)}.conf`)
  const restartSentinel = (n: number) => run(sentinelPod(n), [sentinelFile(n), '--port', '26379', '--sentinel'])
  const startSentinels = () => {
    for (let n = 0; n < sentinels; n += 1) {
      writeFileSync(sentinelFile(n), sentinelConf(address, n, replicas, times))
      restartSentinel(n)
    }
  }
  const command = async (pod: string, ...words: [string, ...string[]]) => {
    const client = new Redis({
      host: address(pod), port: pod.includes('-redis-') ? 6379 : 26379, ...ONE_SHOT,
    })
    client.on('error', () => {})
    try {
      await client.connect()
      return await client.call(...words)
    } finally {
      client.disconnect()
    }
  }
  return {
    api,
    folder,
    address,
    signal: (pod, signal) => { processes.get(pod)?.kill(signal) },
    startRedis,
    startSentinels,
    restartSentinel,
    times,
    role: async (pod) => (await command(pod, 'ROLE').catch(() => []) as string[])[0],
    labels: () => Object.fromEntries(api.list(PODS).filter(({ metadata }) => metadata.name.includes('-redis-')).map(({ metadata }) => [metadata.name, metadata.labels?.['redis-role']])),
    command,
    stop: async () => {
      for (const child of processes.values()) child.kill('SIGKILL')
      await api.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function sentinelConf (address: (pod: string) => string, ordinal: number, replicas: number, times: Times): string {
  const known = Array.from({ length: replicas - 1 }, (_, n) => `sentinel known-replica mymaster ${address(redisPod(n + 1))} 6379`)
  return [
    `sentinel myid ${sentinelId(NAMESPACE, CLUSTER, ordinal)}`,
    `sentinel monitor mymaster ${address(redisPod(0))} 6379 2`,
    `sentinel down-after-milliseconds mymaster ${times.downAfterMilliseconds}`,
    `sentinel failover-timeout mymaster ${times.failoverTimeout}`,
    ...known,
    `sentinel announce-ip ${address(sentinelPod(ordinal))}`,
  ].join('\n') + '\n'
}

/** The RedisSentinel, and a pod and a Service for each of its processes. */
export function publishCluster (lab: Lab, { replicas = 3, sentinels = 3 } = {}): void {
  lab.api.put('/apis/cache.iguochan.io/v1/redissentinels', {
    metadata: { name: CLUSTER, namespace: NAMESPACE }, spec: { redisReplicas: replicas, sentinelReplicas: sentinels, ...lab.times },
  })
  for (let n = 0; n < replicas; n += 1) publishPod(lab, redisPod(n), 'redis')
  for (let n = 0; n < sentinels; n += 1) publishPod(lab, sentinelPod(n), 'sentinel')
}

/** Three redis, the first one master, and three sentinels: shown to the probe, and started. */
export function startMembers (lab: Lab): void {
  publishCluster(lab)
  lab.startRedis(0)
  lab.startRedis(1, 0)
  lab.startRedis(2, 0)
  lab.startSentinels()
}

export function publishPod (lab: Lab, name: string, component: string): void {
  const labels = { app: 'redis-sentinel', component, name: CLUSTER }
  lab.api.put(PODS, { metadata: { name, namespace: NAMESPACE, labels }, status: { podIP: lab.address(name) } })
  lab.api.put('/api/v1/services', {
    metadata: { name, namespace: NAMESPACE, labels: { 'cache.iguochan.io/pod': name } }, spec: { clusterIP: lab.address(name) },
  })
}

export function events (lab: Lab): FakeObject[] {
  return lab.api.list('/api/v1/events')
}

/** Waits for the condition itself, and gives up loudly. */
export async function until (what: string, condition: () => boolean | Promise<boolean>, limitMs = 60_000): Promise<void> {
  const deadline = Date.now() + limitMs
  while (!await condition()) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`)
    await sleep(10)
  }
}
