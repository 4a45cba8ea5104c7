// The faults of make chaos: each one makes a trouble of random size, waits, and puts back what it has taken away.
import { fenceBoundMs } from './bounds.ts'
import { partitions } from './partitions.ts'
import type { Kind } from './pod.ts'
import { connection, REDIS_PORT, sleep, within } from './questions.ts'
import { shuffled } from './random.ts'
import { surprises } from './surprises.ts'
import { anyRedis, anyReplica, anySentinel, between, type Choice, type Context, type Trouble } from './trouble.ts'

/** A killed master loses what is on its way to the replicas: a write of each client at the most. */
const LAST_TRIP_MS = 500
const CLIENTS = 3

const dies = (context: Context, ordinal: number) =>
  context.mayLose([context.lab.pod('redis', ordinal)], performance.now(), LAST_TRIP_MS, CLIENTS)

const crash = (kind: Kind, which: Choice, wipe = false) => async (context: Context) => {
  const ordinal = which(context)
  if (kind === 'redis') dies(context, ordinal)
  await context.plane.crash(kind, ordinal, { wipe, afterMs: between(context, 0, 8000) })
}

async function crashBoth (context: Context): Promise<void> {
  const { plane } = context
  const replica = anyReplica(context)
  dies(context, context.master())
  await Promise.all([
    plane.crash('redis', context.master(), { afterMs: between(context, 0, 8000) }),
    plane.crash('redis', replica, { afterMs: between(context, 0, 8000) }),
  ])
}

/** The master dies while the new replica copies, or just after: the sentinels' figures of it are old. */
async function crashInTurn (context: Context): Promise<void> {
  await context.plane.crash('redis', anyReplica(context), { wipe: true, afterMs: between(context, 0, 2000) })
  await sleep(between(context, 0, 3000))
  dies(context, context.master())
  await context.plane.crash('redis', context.master(), { afterMs: between(context, 0, 3000) })
}

const stop = (kind: Kind, which: Choice) => async (context: Context) => {
  const pod = context.lab.pod(kind, which(context))
  pod.signal('SIGSTOP')
  const ms = between(context, 500, 12_000)
  // what has waited in its sockets is acknowledged when it goes on
  if (kind === 'redis') context.mayLose([pod], performance.now(), ms + fenceBoundMs(context.lab))
  await sleep(ms)
  pod.signal('SIGCONT')
}

const remove = (which: Choice, force: boolean) => async (context: Context) => {
  const ordinal = which(context)
  if (force) dies(context, ordinal)
  await context.plane.deletePod('redis', ordinal, { force, awayMs: between(context, 200, 5000) })
}

const master: Choice = (context) => context.master()

const killAll = (wipeSentinels: boolean) => async (context: Context) => {
  const { lab, plane } = context
  await lab.level()
  await lab.durable()
  if (wipeSentinels) await plane.sync()
  await Promise.all(lab.everybody().map(([kind, ordinal]) => lab.kill(kind, ordinal)))
  for (const [kind, ordinal] of shuffled(lab.everybody(), context.random)) {
    if (wipeSentinels && kind === 'sentinel') await lab.wipe(kind, ordinal)
    await plane.start(kind, ordinal)
    await sleep(between(context, 0, 500))
  }
}

async function restartSentinels (context: Context): Promise<void> {
  const ordinals = context.lab.sentinels.map((_, ordinal) => ordinal)
  await Promise.all(ordinals.map((ordinal) => context.plane.crash('sentinel', ordinal, { afterMs: between(context, 100, 3000) })))
}

async function rogue (context: Context): Promise<void> {
  await context.lab.command(context.lab.redis[anyReplica(context)] ?? '', 'REPLICAOF', 'NO', 'ONE')
  await sleep(2000)
}

const SCRIPT_MS = 5000

async function endlessScript (context: Context): Promise<void> {
  const pod = context.lab.pod('redis', context.master())
  context.mayLose([pod], performance.now(), SCRIPT_MS + fenceBoundMs(context.lab))
  const redis = connection(context.lab.redis[context.master()] ?? '', REDIS_PORT, { commandTimeout: 60_000 })
  await within(10_000, 'no connection for the endless script', redis.connect())
  redis.eval('while true do end', 0).catch(() => {}).finally(() => redis.disconnect())
  await sleep(SCRIPT_MS)
}

const restartProbe = async (context: Context) => {
  await context.plane.probe.kill()
  await sleep(between(context, 100, 8000))
  await context.plane.probe.start()
}

async function apiAway (context: Context): Promise<void> {
  await context.plane.api.stop()
  await sleep(between(context, 1000, 20_000))
  await context.plane.api.start()
}

export const troubles: readonly Trouble[] = [
  { name: 'master crashes', touches: 'redis', make: crash('redis', master) },
  { name: 'master crashes, volume gone', touches: 'redis', make: crash('redis', master, true) },
  { name: 'master and a replica crash', touches: 'redis', make: crashBoth },
  { name: 'replica crashes, volume gone, then the master', touches: 'redis', make: crashInTurn },
  { name: 'replica crashes', touches: 'redis', make: crash('redis', anyReplica) },
  { name: 'replica crashes, volume gone', touches: 'redis', make: crash('redis', anyReplica, true) },
  { name: 'master deleted', touches: 'redis', make: remove(master, false) },
  { name: 'redis deleted', touches: 'redis', make: remove(anyRedis, false) },
  { name: 'master deleted by force', touches: 'redis', make: remove(master, true) },
  { name: 'master stopped', touches: 'redis', make: stop('redis', master) },
  { name: 'replica stopped', touches: 'redis', make: stop('redis', anyReplica) },
  { name: 'replica made a master', touches: 'redis', make: rogue },
  { name: 'endless script on the master', touches: 'redis', make: endlessScript },
  { name: 'sentinel crashes', touches: 'sentinel', make: crash('sentinel', anySentinel) },
  { name: 'sentinel crashes, state gone', touches: 'sentinel', make: crash('sentinel', anySentinel, true) },
  { name: 'sentinel stopped', touches: 'sentinel', make: stop('sentinel', anySentinel) },
  { name: 'all sentinels crash', touches: 'sentinel', make: restartSentinels },
  { name: 'probe crashes', touches: 'probe', make: restartProbe },
  { name: 'API server away', touches: 'probe', make: apiAway },
  { name: 'everything crashes', touches: 'everything', alone: true, make: killAll(false) },
  { name: 'everything crashes, sentinel state gone', touches: 'everything', alone: true, make: killAll(true) },
  ...partitions,
  ...surprises,
]
