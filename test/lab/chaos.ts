// make chaos: faults at random, one after another and together, against a cluster under load; after each one the cluster must
// heal, every acknowledged write must be there or within a bound of what may be lost, and at no time may two pods that say they are
// master carry the label.
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { createBounds } from './bounds.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'
import { createLab, type Lab } from './lab.ts'
import { sleep, until, within } from './questions.ts'
import { randomFrom } from './random.ts'
import type { Context, Trouble } from './trouble.ts'
import { troubles } from './troubles.ts'
import { bySentinel, startWriter, type Write, type Writer } from './writer.ts'

const USAGE = `usage: make chaos [SEED=1] [MINUTES=10] [SIZE=3] [SENTINELS=3] [ONLY='zone split']
Random faults for MINUTES against SIZE redis pods and SENTINELS sentinels (3 or 5) under load, or only those with ONLY in their name.
The same SEED makes the same faults.
Prints each step as a line, and at the end what was lost or not right; chaos-logs/SEED.jsonl keeps the steps, and
chaos-logs/SEED.log the logs of all processes when something was not right. Exit code 1 then.`

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '10' },
    size: { type: 'string', default: '3' },
    sentinels: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    help: { type: 'boolean' },
  },
})

const wanted = troubles.filter(({ name }) => name.includes(values.only))
const WRITERS = ['a', 'b', 'c'] as const
const PACE_MS = 4
/** Sentinels whose Services are new restart one after the other. */
const HEAL_SECONDS = 180
const DISK_MEGABYTES = 1024
const LOOK_MS = 50
/** Longer than any of them takes. */
const TROUBLE_MS = 180_000

interface Step {
  readonly step: number
  readonly faults: readonly string[]
  readonly healMs: number
  readonly gapMs: number
  readonly acknowledged: number
  /** Acknowledged writes that no bound allows to be lost, and those that one does. */
  readonly lost: number
  readonly bounded: number
  readonly violations: readonly string[]
}

async function main (): Promise<number> {
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  if (wanted.length === 0) throw new Error(`no fault has '${values.only}' in its name: ${troubles.map(({ name }) => name).join(', ')}`)
  const [seed, minutes, size, sentinels] = [values.seed, values.minutes, values.size, values.sentinels].map(Number) as [number, number, number, number]
  const random = randomFrom(seed)
  const lab = await createLab({ redisReplicas: size, sentinelReplicas: sentinels, downAfterMilliseconds: 2000 + Math.floor(random() * 3000), failoverTimeout: 10_000 })
  const plane = await startControlPlane(lab)
  await Promise.all(lab.pods().map((pod) => pod.kind === 'redis' && pod.ownDisk(DISK_MEGABYTES)))
  await plane.probe.start()
  await plane.startAll()
  await plane.healed(HEAL_SECONDS)
  const labels = watchLabels(lab, plane)
  await mkdir('chaos-logs', { recursive: true })
  await writeFile(`chaos-logs/${seed}.jsonl`, '')

  const steps: Step[] = []
  const end = Date.now() + minutes * 60_000
  let master = await lab.healed()
  for (let number = 1; Date.now() < end; number += 1) {
    const step = await runStep({ number, lab, plane, random, master, labels })
    steps.push(step)
    await appendFile(`chaos-logs/${seed}.jsonl`, `${JSON.stringify(step)}\n`)
    show(seed, step)
    if (step.violations.length > 0) await writeFile(`chaos-logs/${seed}-${number}.log`, await plane.logs())
    const now = await lab.healed(HEAL_SECONDS).catch(() => undefined)
    if (now === undefined) break
    master = now
  }
  labels.stop()
  await plane.close()
  await lab.close()
  return summary(seed, `${size}+${sentinels}`, steps)
}

interface StepInput {
  readonly number: number
  readonly lab: Lab
  readonly plane: ControlPlane
  readonly random: () => number
  readonly master: number
  readonly labels: ReturnType<typeof watchLabels>
}

async function runStep ({ number, lab, plane, random, master, labels }: StepInput): Promise<Step> {
  const violations: string[] = []
  const bounds = createBounds()
  const writers = WRITERS.map((name) => startWriter(lab.redis, {
    find: name === 'c' ? bySentinel(lab.sentinels) : plane.throughService, name: `${number}${name}`, paceMs: PACE_MS,
  }))
  await until('all clients write', async () => writers.every((writer) => writer.acknowledged() > 30) || undefined)
  const chosen = choose(random)
  const faults = chosen.map(({ name }) => name)
  const common = {
    lab,
    plane,
    random,
    master: () => master,
    mayLose: bounds.allow,
    check: (what: string, right: boolean) => { if (!right) violations.push(what) },
  }
  await Promise.all(chosen.map(async (trouble, i) => {
    const context: Context = { ...common, note: (text) => { faults[i] = `${trouble.name} (${text})` } }
    await sleep(i * random() * 2000)
    await within(TROUBLE_MS, `'${trouble.name}' does not end`, trouble.make(context))
  }))
  const from = performance.now()
  const heal = await plane.healed(HEAL_SECONDS).catch((error: unknown) => { violations.push(`not healed: ${String(error)}`) })
  const healMs = Math.round(performance.now() - from)
  if (heal !== undefined) await goOn(writers).catch((error: unknown) => { violations.push(`no writes after it: ${String(error)}`) })
  await Promise.all(writers.map((writer) => writer.stop()))
  const losses = heal === undefined ? undefined : await lossesOf(lab, writers, bounds.outside).catch((error: unknown) => { violations.push(String(error)) })
  const { lost, bounded } = losses ?? { lost: -1, bounded: 0 }
  if (lost > 0) violations.push(`${lost} acknowledged writes are lost, ${bounded} more within their bound`)
  violations.push(...labels.take())
  const gapMs = Math.max(...writers.map((writer) => writer.gap()))
  const acknowledged = writers.reduce((sum, writer) => sum + writer.acknowledged(), 0)
  return { step: number, faults, healMs, gapMs, acknowledged, lost, bounded, violations }
}

/** One fault, or two at the same time that hit different pods. */
function choose (random: () => number): Trouble[] {
  const pick = () => wanted[Math.floor(random() * wanted.length)] as Trouble
  const first = pick()
  if (first.alone || random() < 0.6) return [first]
  const second = pick()
  return second.alone || second.touches === first.touches ? [first] : [first, second]
}

async function goOn (writers: readonly Writer[]): Promise<void> {
  const before = writers.map((writer) => writer.acknowledged())
  await until('all clients write again', async () => writers.every((writer, i) => writer.acknowledged() > (before[i] ?? 0) + 20) || undefined)
}

/** Asked of every redis; the worst one counts. */
async function lossesOf (lab: Lab, writers: readonly Writer[], outside: (lost: readonly Write[]) => Write[]) {
  await lab.level()
  const all = await Promise.all(lab.redis.map(async (address) => {
    const missing = (await Promise.all(writers.map((writer) => writer.missing(address)))).flat()
    const lost = outside(missing).length
    return { lost, bounded: missing.length - lost }
  }))
  return { lost: Math.max(...all.map(({ lost }) => lost)), bounded: Math.max(...all.map(({ bounded }) => bounded)) }
}

/** Looks all the time: do two labelled pods say at the same time that they are master? */
function watchLabels (lab: Lab, plane: ControlPlane) {
  const order = { stop: false }
  const found: string[] = []
  async function look (): Promise<void> {
    const before = plane.labelled()
    if (before.length < 2) return
    const masters = await lab.masters()
    const both = before.filter((ordinal) => masters.includes(ordinal) && plane.labelled().includes(ordinal))
    if (both.length > 1) found.push(`redis ${both.join(' and ')} carry the label and say that they are master`)
  }
  const watch = async () => {
    while (!order.stop) {
      await look()
      await sleep(LOOK_MS)
    }
  }
  watch().catch((error: unknown) => found.push(String(error)))
  return { take: () => found.splice(0), stop: () => { order.stop = true } }
}

function show (seed: number, { step, faults, healMs, gapMs, acknowledged, lost, bounded, violations }: Step): void {
  const verdict = violations.length === 0 ? 'ok' : `NOT OK: ${violations.join('; ')} (chaos-logs/${seed}-${step}.log)`
  const within = bounded > 0 ? ` and ${bounded} within the bound` : ''
  console.log(`${seed}/${step}: ${faults.join(' + ')}: heal ${healMs} ms, gap ${gapMs} ms, ${acknowledged} acknowledged, ${lost} lost${within}, ${verdict}`)
}

function summary (seed: number, size: string, steps: readonly Step[]): number {
  const wrong = steps.filter(({ violations }) => violations.length > 0)
  const sum = (of: (step: Step) => number) => steps.reduce((total, step) => total + of(step), 0)
  const gaps = steps.map(({ gapMs }) => gapMs).sort((a, b) => a - b)
  const at = (share: number) => gaps[Math.min(gaps.length - 1, Math.floor(share * gaps.length))]
  console.log(JSON.stringify({
    seed,
    size,
    steps: steps.length,
    acknowledged: sum(({ acknowledged }) => acknowledged),
    lostWithinBounds: sum(({ bounded }) => bounded),
    lost: sum(({ lost }) => Math.max(lost, 0)),
    gapMs: { p50: at(0.5), p95: at(0.95), max: gaps.at(-1) },
    violations: wrong.map(({ step, faults, violations }) => ({ step, faults, violations })),
  }, null, 2))
  return wrong.length > 0 ? 1 : 0
}

main().then((code) => { process.exit(code) }, (error: unknown) => {
  console.error(error)
  process.exit(2)
})
