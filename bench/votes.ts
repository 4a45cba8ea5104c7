/** make bench-votes: how long a failover takes among processes alone, without kubelet and kube-proxy: what the design itself costs. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { type ControlPlane, startControlPlane } from '../test/lab/control-plane.ts'
import { createLab, type Lab } from '../test/lab/lab.ts'
import { CLIENTS } from '../test/lab/network.ts'
import { sleep, until } from '../test/lab/questions.ts'
import { bySentinel, startWriter } from '../test/lab/writer.ts'
import { summary } from './failover/figures.ts'
import { type Cause, causes } from './votes/causes.ts'
import { watch } from './votes/watch.ts'

const USAGE = `usage: make bench-votes [RUNS=10] [CAUSES=kill,delete] [OUT=bench-results/votes.json]
Three redis and three sentinel processes in network namespaces of their own, started by the scripts of the pods, with the compiled
probe and a stand-in for the API server. Ends or moves the master again and again while two clients write through the master Service
(they see its EndpointSlice at once, there is no kube-proxy) and one asks the sentinels. Prints, in seconds after the fault, p50 / p95 / max:
somebody else is master, every sentinel names it, slice, label; the longest gap of a client; lost acknowledged writes.
  CAUSES  ${causes.map(({ name }) => name).join(', ')}; all if left out`

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    causes: { type: 'string', default: '' },
    out: { type: 'string', default: '' },
    help: { type: 'boolean' },
  },
})

interface Run {
  readonly cause: string
  readonly promoted: number | null
  readonly sentinels: number | null
  readonly slice: number | null
  readonly label: number | null
  readonly serviceGap: number
  readonly sentinelGap: number
  readonly acknowledged: number
  readonly lost: number
}

const OPTIONS = { downAfterMilliseconds: 5000, failoverTimeout: 10_000 } as const
const HEAL_SECONDS = 120
/** So that the sentinels have figures of all replicas, and runs do not fall on the same phase of anybody's timers. */
const REST_MS = 3000
const WARM = 500

async function main (): Promise<number> {
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const chosen = causes.filter(({ name }) => values.causes === '' || values.causes.split(',').includes(name))
  if (chosen.length === 0) throw new Error(`no cause ${values.causes}`)
  const lab = await createLab(OPTIONS)
  const plane = await startControlPlane(lab)
  const runs: Run[] = []
  try {
    await plane.probe.start()
    await plane.startAll()
    for (const cause of chosen) {
      for (let i = 0; i < Number(values.runs); i += 1) {
        const run = await measure(lab, plane, cause, i)
        runs.push(run)
        console.error(`${cause.name} ${i}: ${JSON.stringify(run)}`)
      }
    }
  } finally {
    await plane.close()
    await lab.close()
  }
  console.log(table(runs, chosen))
  if (values.out !== '') {
    await mkdir(dirname(values.out), { recursive: true })
    await writeFile(values.out, `${JSON.stringify(runs, null, 2)}\n`)
  }
  return runs.some(({ lost }) => lost > 0) ? 1 : 0
}

async function measure (lab: Lab, plane: ControlPlane, cause: Cause, i: number): Promise<Run> {
  const master = await plane.healed(HEAL_SECONDS)
  await Promise.all(lab.pods().map(({ kind, ordinal }) => plane.ready(kind, ordinal)))
  await sleep(REST_MS + Math.random() * 1000)
  const name = `${cause.name}:${i}`
  const clients = lab.network.address(CLIENTS)
  const direct = ['a', 'b'].map((one) =>
    startWriter([], { find: () => plane.throughService(clients), name: `${name}:${one}` }))
  const asking = startWriter([], { find: bySentinel(lab.sentinels, clients), name: `${name}:sentinel` })
  const all = [...direct, asking]
  await until('all clients write', async () => all.every((one) => one.acknowledged() > WARM) || undefined)

  const watching = await watch(lab, plane, master)
  const from = performance.now()
  await cause.inject(lab, plane, master)
  const now = await plane.healed(HEAL_SECONDS)
  await sleep(1000)
  await watching.stop()
  await Promise.all(all.map((one) => one.stop()))
  await lab.level()
  const lost = await Promise.all(all.map((one) => one.lost(lab.redis[now] ?? '')))
  const { promoted, sentinels, slice, label } = watching.seen
  const after = (moment: number | undefined) => moment === undefined ? null : (moment - from) / 1000
  return {
    cause: cause.name,
    promoted: after(promoted),
    sentinels: after(sentinels),
    slice: after(slice),
    label: after(label),
    serviceGap: Math.max(...direct.map((one) => one.gap(from))) / 1000,
    sentinelGap: asking.gap(from) / 1000,
    acknowledged: all.reduce((sum, one) => sum + one.acknowledged(), 0),
    lost: lost.reduce((sum, count) => sum + count, 0),
  }
}

const COLUMNS = ['promoted', 'sentinels', 'slice', 'label', 'serviceGap', 'sentinelGap'] as const

function table (runs: readonly Run[], chosen: readonly Cause[]): string {
  const rows = chosen.map(({ name, title, goal }) => {
    const some = runs.filter(({ cause }) => cause === name)
    const figures = COLUMNS.map((column) => {
      const found = summary(some.map((run) => run[column]))
      return found ? [found.p50, found.p95, found.max].map((value) => value.toFixed(3)).join(' / ') : '-'
    })
    const sum = (of: (run: Run) => number) => some.reduce((total, run) => total + of(run), 0)
    const losses = `${sum(({ lost }) => lost)} of ${sum(({ acknowledged }) => acknowledged)}`
    return `| ${[title, some.length, ...figures, goal, losses].join(' | ')} |`
  })
  return [
    '| fault | n | promoted | every sentinel | slice | label | gap, by Service | gap, by Sentinel | goal of the gap, s | lost |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

main().then((code) => { process.exit(code) }, (error: unknown) => {
  console.error(error)
  process.exit(2)
})
