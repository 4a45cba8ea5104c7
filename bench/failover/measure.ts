/** One run: clients write, the master meets its end or something changes, they go on, all is well again, every write is looked for. */
import type { Redis } from 'ioredis'
import type { Cause } from './causes.ts'
import { type Client, connect, runId, startClient, throughSentinel, throughService } from './clients.ts'
import { gapsOf, type Run } from './figures.ts'
import { kubectl, pods, type PodSeen, sleep, type Target, until } from './target.ts'
import type { Watches } from './watches.ts'

const CLIENTS = 2
/** Sentinels learn of their replicas every ten seconds, and right after a failover they refuse another one. */
const REST_MS = 4000
/** Long enough that a second, late interruption is seen. */
const AFTER_MS = 3000
const WARM = 500
/** Of the client that shows whether new connections are taken while something changes. */
const CONNECTION_MS = 1000

export async function measure (target: Target, watches: Watches, cause: Cause, run: number): Promise<Run> {
  const master = await well(target)
  await target.probe?.stop()
  await sleep(REST_MS)
  const before = await runIdOf(target, master)
  const name = `bench:${cause.name}:${run}`
  // the Service follows nobody without the probe
  const direct = target.probe ? [] : Array.from({ length: CLIENTS }, (_, i) => startDirect(target, cause, name, i))
  const asking = target.sentinelPort === undefined ? [] : [startClient(`${name}:sentinel`, throughSentinel(target))]
  const clients = [...direct, ...asking]
  await until('all clients write', () => clients.every(({ moments }) => moments.length > WARM) || undefined)

  watches.reset(master)
  const at = new Date().toISOString()
  const from = performance.now()
  const heal = await cause.inject(target, master)
  const injected = performance.now()
  if (!cause.isChange) await until('all clients write elsewhere', () => clients.every((client) => client.firstElsewhere(before, from) !== undefined) || undefined)
  await sleep(AFTER_MS)
  await heal()
  await target.probe?.start()
  if (cause.isChange) await ready(target)
  await well(target)
  const to = performance.now()
  await Promise.all(clients.map((client) => client.stop()))
  const seen = watches.seen()
  const since = (moment: number | undefined) => moment === undefined ? null : (moment - from) / 1000
  const gaps = (target.probe ? asking : direct).map(({ moments }) => gapsOf(moments, from, to)).toSorted((a, b) => b.sum - a.sum)
  return {
    cause: cause.name,
    run,
    at,
    promoted: since(seen.promoted),
    labelled: since(seen.labelled),
    published: since(seen.published),
    written: latest(direct, before, from),
    sentinelWritten: asking.length === 0 ? null : latest(asking, before, from),
    gap: Math.max(...gaps.map(({ longest }) => longest)),
    gaps: gaps[0]?.sum ?? 0,
    interruptions: gaps[0]?.noticeable ?? [],
    sentinelGap: asking[0] ? gapsOf(asking[0].moments, from, to).longest : null,
    everywhere: cause.isChange ? since(injected) : null,
    acknowledged: clients.reduce((sum, { moments }) => sum + moments.length, 0),
    lost: await losses(target, clients),
  }
}

/** Who stays connected notices neither another password nor another certificate, so every other client does not stay. */
function startDirect (target: Target, { isChange }: Cause, run: string, i: number): Client {
  const stays = !isChange || i % 2 === 0
  return stays ? startClient(`${run}:${i}`, throughService(target)) : startClient(`${run}:${i}`, () => throughService(target)(), CONNECTION_MS)
}

/** The client that had to wait longest. */
function latest (clients: readonly Client[], before: string, from: number): number | null {
  const moments = clients.map((client) => client.firstElsewhere(before, from))
  return moments.length === 0 || moments.includes(undefined) ? null : (Math.max(...moments.map(Number)) - from) / 1000
}

async function losses (target: Target, clients: readonly Client[]): Promise<number> {
  const redis = await until('the master Service leads to a master', () => connectToMaster(target))
  try {
    let lost = 0
    for (const client of clients) lost += await client.lost(redis)
    for (const client of clients) await client.clean(redis)
    return lost
  } finally {
    redis.disconnect()
  }
}

/** When all is well it does so at the first attempt: what else is seen is said. */
async function connectToMaster (target: Target): Promise<Redis | undefined> {
  const redis = await connect(target.host, target.port, target.login, { commandTimeout: 10_000 })
  const [role] = await redis.role() as unknown[]
  if (role === 'master') return redis
  redis.disconnect()
  console.log(`${new Date().toISOString()}: the master Service leads to a ${String(role)}, though all is well`)
  return undefined
}

async function runIdOf (target: Target, { ip }: PodSeen): Promise<string> {
  const redis = await connect(ip, 6379, target.login).catch(() => connect(target.host, target.port, target.login))
  try {
    return await runId(redis)
  } finally {
    redis.disconnect()
  }
}

/** The sentinels as well: a renewal restarts them. */
async function ready (target: Target): Promise<void> {
  if (target.parent !== undefined) await kubectl(target, 'wait', '--for=condition=Ready', '--timeout=400s', target.parent)
}

/** All pods are ready, one has the label, and the master behind the Service has all others as linked replicas. */
function well (target: Target): Promise<PodSeen> {
  return until('everything is well', async () => {
    const all = await pods(target)
    const masters = all.filter(({ isMaster }) => isMaster)
    if (masters.length !== 1 || all.some(({ isReady }) => !isReady)) return undefined
    const redis = await connect(target.host, target.port, target.login)
    try {
      const info = await redis.info('replication')
      return new RegExp(`connected_slaves:${all.length - 1}\\b`).test(info) && !info.includes('state=wait') ? masters[0] : undefined
    } finally {
      redis.disconnect()
    }
  }, 400)
}
