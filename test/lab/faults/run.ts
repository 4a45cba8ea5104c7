// One run of one fault: a cluster under load with the probe, the fault, then the questions that every fault must answer.
import type { Redis } from 'ioredis'
import { type Bounds, createBounds } from '../bounds.ts'
import { type ControlPlane, startControlPlane } from '../control-plane.ts'
import { createLab, type Lab, type LabOptions } from '../lab.ts'
import { CLIENTS } from '../network.ts'
import type { Pod } from '../pod.ts'
import { until } from '../questions.ts'
import { randomFrom } from '../random.ts'
import { bySentinel, startWriter, type Write, type Writer } from '../writer.ts'

export interface Fault {
  /** Its number in docs/faults.md. */
  readonly number: number
  readonly name: string
  readonly options?: LabOptions
  /** Goes into make test. */
  readonly short?: true
  /** A cluster and a run of its own. */
  readonly run?: () => Promise<Omit<Result, 'number' | 'name' | 'seed'>>
  /** Its own beginning instead of a cluster under load. */
  readonly prepare?: (run: Run) => Promise<void>
  /** Ends when everything that the fault took away is back. */
  readonly inject: (run: Run) => Promise<void>
}

/** What must hold, and figures with the goal they are measured by (milliseconds unless the name says otherwise). */
export interface Run {
  readonly lab: Lab
  readonly plane: ControlPlane
  readonly writer: Writer
  readonly random: () => number
  /** The ordinal of the master when the fault began. */
  readonly master: () => number
  readonly others: () => number[]
  readonly check: (what: string, right: boolean) => void
  readonly figure: (name: string, value: number, goal?: number) => void
  /** Milliseconds until the condition holds. */
  readonly time: (what: string, condition: () => Promise<boolean> | boolean, seconds?: number) => Promise<number>
  /** The master moves to an ordinal that is not 0, which every guess without knowledge names. */
  readonly moveFromFirst: () => Promise<void>
  readonly writes: (count?: number) => Promise<void>
  /** The longest time since the fault began without a write that this client got acknowledged; the one of the Service if left out. */
  readonly gap: (client?: Writer) => number
  /** One more client, which writes already when this resolves. What it lacks in the end is lost as well. */
  readonly client: (name: string, find: () => Promise<Redis>) => Promise<Writer>
  /** A client that asks the sentinels for the master. */
  readonly asking: () => Promise<Writer>
  /** Bounds what may be lost: what this pod acknowledges from `from` (performance.now()) on for so many milliseconds. */
  readonly mayLose: (pod: Pod, from: number, ms: number) => void
}

export interface Figure { readonly name: string, readonly value: number, readonly goal?: number }

export interface Result {
  readonly number: number
  readonly name: string
  readonly seed: number
  readonly acknowledged: number
  /** Acknowledged writes that are gone and that no bound allows. */
  readonly lost: number
  /** Those that a bound allows: of a cut-off side, in its first seconds. */
  readonly bounded?: number
  readonly gapMs: number
  readonly healMs: number | null
  readonly figures: readonly Figure[]
  readonly violations: readonly string[]
}

/** The defaults of a RedisSentinel. */
const DEFAULTS = { downAfterMilliseconds: 5000, failoverTimeout: 10_000 } as const
const HEAL_SECONDS = 60
/** The first numbers of seeds that follow each other are alike. */
const SPREAD = 0x9e3779b1

export async function runFault (fault: Fault, seed: number, show: (text: string) => void): Promise<Result> {
  if (fault.run) return { ...about(fault, seed), ...await fault.run() }
  const lab = await createLab({ ...DEFAULTS, ...fault.options })
  const plane = await startControlPlane(lab)
  const violations: string[] = []
  const figures: Figure[] = []
  let master = 0
  let began = 0
  const clients = lab.network.address(CLIENTS)
  const writer = startWriter(lab.redis, { find: () => plane.throughService(clients) })
  const writers = [writer]
  const bounds = createBounds()

  const time: Run['time'] = async (what, condition, seconds = 60) => {
    const from = performance.now()
    await until(what, async () => await condition() || undefined, seconds)
    return Math.round(performance.now() - from)
  }
  const writes: Run['writes'] = async (count = 300) => {
    const enough = writer.acknowledged() + count
    await until('the client writes', async () => writer.acknowledged() > enough || undefined)
  }
  const client: Run['client'] = async (name, find) => {
    const another = startWriter([], { find, name })
    writers.push(another)
    await until(`the client ${name} writes`, async () => another.acknowledged() > 100 || undefined)
    return another
  }
  const settle = async () => {
    master = await plane.healed(HEAL_SECONDS)
  }
  const run: Run = {
    lab,
    plane,
    writer,
    random: randomFrom(Math.imul(seed, SPREAD)),
    master: () => master,
    others: () => lab.redis.slice(0, lab.spec().redisReplicas).map((_, ordinal) => ordinal).filter((ordinal) => ordinal !== master),
    check: (what, right) => { if (!right) violations.push(what) },
    figure: (name, value, goal) => figures.push({ name, value: Math.round(value), ...(goal !== undefined && { goal }) }),
    time,
    writes,
    gap: (client = writer) => client.gap(began),
    client,
    asking: () => client('asking', bySentinel(lab.sentinels, clients)),
    mayLose: (pod, from, ms) => bounds.allow([pod], from, ms),
    moveFromFirst: async () => {
      if (master === 0) await plane.switchOver(1)
      await settle()
    },
  }

  try {
    await plane.probe.start()
    await plane.startAll()
    if (fault.prepare) await fault.prepare(run)
    else await underLoad(run)
    await settle()
    began = performance.now()
    await fault.inject(run)
    const healMs = await healing(run, settle)
    return { ...about(fault, seed), ...await account(run, writers, bounds), healMs, figures, violations }
  } catch (error) {
    violations.push(error instanceof Error ? error.message : String(error))
    return { ...about(fault, seed), acknowledged: writer.acknowledged(), lost: -1, gapMs: run.gap(), healMs: null, figures, violations }
  } finally {
    await Promise.all(writers.map((some) => some.stop()))
    if (violations.length > 0) show(await plane.logs())
    await plane.close()
    await lab.close()
  }
}

const about = ({ number, name }: Fault, seed: number) => ({ number, name, seed })

async function underLoad ({ lab, writes }: Run): Promise<void> {
  await lab.healed()
  await writes()
  await lab.streaming()
}

async function healing ({ writes }: Run, settle: () => Promise<void>): Promise<number> {
  const from = performance.now()
  await settle()
  const healMs = Math.round(performance.now() - from)
  await writes(50)
  return healMs
}

/** Every acknowledged write is asked for again, at every redis. */
async function account ({ lab, gap, check, master }: Run, writers: readonly Writer[], bounds: Bounds) {
  await Promise.all(writers.map((some) => some.stop()))
  await lab.level()
  const missing = async (address: string): Promise<Write[]> =>
    (await Promise.all(writers.map((some) => some.missing(address)))).flat()
  const all = await missing(lab.redis[master()] ?? '')
  const lost = bounds.outside(all).length
  const acknowledged = writers.reduce((sum, some) => sum + some.acknowledged(), 0)
  check(`${lost} of ${acknowledged} acknowledged writes are lost`, lost === 0)
  for (const { kind, address } of lab.pods()) {
    if (kind !== 'redis') continue
    const count = (await missing(address())).length
    check(`${address()} lacks other writes than the master does`, count === all.length)
  }
  return { acknowledged, lost, bounded: all.length - lost, gapMs: gap() }
}
