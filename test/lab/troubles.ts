// The faults of make chaos: each one makes a trouble of random size, waits, and puts back what it has taken away.
import type { ControlPlane } from './control-plane.ts'
import type { Lab } from './lab.ts'
import type { Kind, Pod } from './pod.ts'
import { ask, connection, REDIS_PORT, sleep, within } from './questions.ts'
import { shuffled } from './random.ts'

interface Context {
  readonly lab: Lab
  readonly plane: ControlPlane
  readonly random: () => number
  /** The master when the step began. */
  readonly master: () => number
}

export interface Trouble {
  readonly name: string
  /** Two troubles that touch the same are never at the same time. */
  readonly touches: 'redis' | 'sentinel' | 'probe' | 'everything'
  /** Never together with another. */
  readonly alone?: true
  /** What asynchronous replication may lose: writes that a master acknowledged while it was cut off or stopped. */
  readonly mayLose?: true
  readonly make: (context: Context) => Promise<void>
}

const pick = ({ random }: Context, count: number) => Math.floor(random() * count)
const between = ({ random }: Context, low: number, high: number) => low + random() * (high - low)
const anyRedis = (context: Context) => pick(context, context.lab.spec().redisReplicas)
const anySentinel = (context: Context) => pick(context, context.lab.spec().sentinelReplicas)
const anyReplica = (context: Context) => {
  const others = context.lab.redis.map((_, ordinal) => ordinal).filter((ordinal) => ordinal !== context.master())
  return others[pick(context, others.length)] ?? 0
}

type Choice = (context: Context) => number

const crash = (kind: Kind, which: Choice, wipe = false) => async (context: Context) =>
  context.plane.crash(kind, which(context), { wipe, afterMs: between(context, 0, 8000) })

async function crashBoth (context: Context): Promise<void> {
  const { plane } = context
  const replica = anyReplica(context)
  await Promise.all([
    plane.crash('redis', context.master(), { afterMs: between(context, 0, 8000) }),
    plane.crash('redis', replica, { afterMs: between(context, 0, 8000) }),
  ])
}

/** The master dies while the new replica copies, or just after: the sentinels' figures of it are old. */
async function crashInTurn (context: Context): Promise<void> {
  await context.plane.crash('redis', anyReplica(context), { wipe: true, afterMs: between(context, 0, 2000) })
  await sleep(between(context, 0, 3000))
  await context.plane.crash('redis', context.master(), { afterMs: between(context, 0, 3000) })
}

const stop = (kind: Kind, which: Choice) => async (context: Context) => {
  const pod = context.lab.pod(kind, which(context))
  pod.signal('SIGSTOP')
  await sleep(between(context, 500, 12_000))
  pod.signal('SIGCONT')
}

const cut = (of: (context: Context) => Pod) => async (context: Context) => {
  const { sandbox } = of(context)
  await sandbox.cutOff()
  await sleep(between(context, 500, 15_000))
  await sandbox.restore()
}

const remove = (which: Choice, force: boolean) => async (context: Context) =>
  context.plane.deletePod('redis', which(context), { force, awayMs: between(context, 200, 5000) })

const master: Choice = (context) => context.master()

async function split (context: Context): Promise<void> {
  const { lab, master: former } = context
  const alone = lab.pod('redis', former())
  const rest = lab.pods().filter((pod) => pod !== alone).flatMap((pod) => [pod.ip(), pod.address()])
  await alone.sandbox.cutFrom(rest)
  await sleep(between(context, 500, 15_000))
  await alone.sandbox.restore()
}

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
  await ask(context.lab.redis[anyReplica(context)] ?? '', REDIS_PORT, 'REPLICAOF', 'NO', 'ONE')
  await sleep(2000)
}

async function endlessScript (context: Context): Promise<void> {
  const redis = connection(context.lab.redis[context.master()] ?? '', REDIS_PORT, { commandTimeout: 60_000 })
  await within(10_000, 'no connection for the endless script', redis.connect())
  redis.eval('while true do end', 0).catch(() => {}).finally(() => redis.disconnect())
  await sleep(5000)
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
  { name: 'master stopped', touches: 'redis', mayLose: true, make: stop('redis', master) },
  { name: 'replica stopped', touches: 'redis', make: stop('redis', anyReplica) },
  { name: 'master cut off', touches: 'redis', mayLose: true, make: cut(({ lab, master: of }) => lab.pod('redis', of())) },
  { name: 'replica cut off', touches: 'redis', make: cut((context) => context.lab.pod('redis', anyReplica(context))) },
  { name: 'master cut off from its peers only', touches: 'redis', mayLose: true, make: split },
  { name: 'replica made a master', touches: 'redis', make: rogue },
  { name: 'endless script on the master', touches: 'redis', mayLose: true, make: endlessScript },
  { name: 'sentinel crashes', touches: 'sentinel', make: crash('sentinel', anySentinel) },
  { name: 'sentinel crashes, state gone', touches: 'sentinel', make: crash('sentinel', anySentinel, true) },
  { name: 'sentinel stopped', touches: 'sentinel', make: stop('sentinel', anySentinel) },
  { name: 'sentinel cut off', touches: 'sentinel', make: cut((context) => context.lab.pod('sentinel', anySentinel(context))) },
  { name: 'all sentinels crash', touches: 'sentinel', make: restartSentinels },
  { name: 'probe crashes', touches: 'probe', make: restartProbe },
  { name: 'API server away', touches: 'probe', make: apiAway },
  { name: 'everything crashes', touches: 'everything', alone: true, make: killAll(false) },
  { name: 'everything crashes, sentinel state gone', touches: 'everything', alone: true, make: killAll(true) },
]
