// make bench-failover: how long do writes stop when the master ends or something changes, by each cause, and what is lost?
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { causes, type Cause, chosenCauses, usual } from './causes.ts'
import { histogram, type Run, table } from './figures.ts'
import { measure } from './measure.ts'
import { plot } from './plot.ts'
import { type Bench, type Mode, MODES, prepare } from './prepare.ts'
import { SECURITIES, type Target } from './target.ts'
import { startWatches } from './watches.ts'

const changes = causes.filter(({ isChange }) => isChange)
const USAGE = `usage: make bench-failover [CAUSES=kill,delete] [RUNS=30] [MODE=full] [OUT=bench-results/failover] [TARGET='...']
Ends the master again and again while clients write through the master Service, and measures, in seconds after each fault: promotion,
label, EndpointSlice, first acknowledged write elsewhere, longest gap, sum of the gaps over 0.1 s, lost acknowledged writes.
Of a change, which must cost nothing: the gaps, the lost writes, and when every pod had it; one of the Service's
two clients connects anew each second.
Without TARGET: the local cluster (or DEMO_KUBECONFIG) with this operator and a RedisSentinel of its own, with the password and TLS that
a cause needs.

  CAUSES  ${usual.map(({ name }) => name).join(', ')}; all of these if left out;
          changes: ${changes.map(({ name }) => name).join(', ')}
  RUNS    of each cause; ${causes.map(({ name, runs }) => `${name} ${runs}`).join(', ')} if left out
  MODE    full; slow: the probe only labels, the sentinels and the start scripts do the rest; off: no probe at all, and
          only a client that asks Sentinel, for the Service leads to the former master for ever
  OUT     OUT.json and OUT.svg are written
  TARGET  measures any other operator on the cluster of KUBECONFIG:
          --namespace default --pods app=my-redis --master-label role=master --service my-redis-master --host NODE --port NODEPORT
          [--sentinel-port NODEPORT] [--master-name mymaster] [--stateful-sets a,b]; REDIS_PASSWORD if it has one`

const { values } = parseArgs({
  options: {
    causes: { type: 'string', default: '' },
    runs: { type: 'string', default: '' },
    mode: { type: 'string', default: 'full' },
    out: { type: 'string', default: 'bench-results/failover' },
    namespace: { type: 'string', default: 'default' },
    pods: { type: 'string' },
    'master-label': { type: 'string' },
    service: { type: 'string' },
    host: { type: 'string' },
    port: { type: 'string' },
    'sentinel-port': { type: 'string' },
    'master-name': { type: 'string', default: 'mymaster' },
    'stateful-sets': { type: 'string', default: '' },
    help: { type: 'boolean' },
  },
})

async function main (): Promise<number> {
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const chosen = chosenCauses(values.causes)
  const bench = givenTarget() ?? await prepare(mode())
  const runs: Run[] = []
  try {
    for (const security of SECURITIES) {
      const some = chosen.filter((cause) => (cause.security ?? 'none') === security)
      if (some.length === 0) continue
      const { target, close } = await bench.open(security)
      await repeatAll(some, target, runs).finally(close)
    }
  } finally {
    await bench.stop()
  }
  await report(runs)
  return runs.some(({ lost, cause }) => lost > 0 && cause !== 'stop') ? 1 : 0
}

function mode (): Mode {
  const found = MODES.find((name) => name === values.mode)
  if (!found) throw new Error(`no mode '${values.mode}'; there are: ${MODES.join(', ')}`)
  return found
}

/** Somebody else's, whatever the cause. */
function givenTarget (): Bench | undefined {
  const { pods, service, host, port } = values
  const label = values['master-label']
  if (pods === undefined && service === undefined) return undefined
  if (!pods || !service || !host || !port || !label) throw new Error('TARGET needs --pods, --master-label, --service, --host and --port')
  const target: Target = {
    environment: {},
    isLocal: host.startsWith('10.89.0.'),
    namespace: values.namespace,
    pods,
    masterLabel: label,
    service,
    host,
    port: Number(port),
    sentinelPort: values['sentinel-port'] === undefined ? undefined : Number(values['sentinel-port']),
    masterName: values['master-name'],
    statefulSets: values['stateful-sets'].split(',').filter(Boolean),
    login: { password: process.env['REDIS_PASSWORD'] },
  }
  const nothing = async () => {}
  return { open: async () => ({ target, close: nothing }), stop: nothing }
}

async function repeatAll (some: readonly Cause[], target: Target, runs: Run[]): Promise<void> {
  const watches = startWatches(target)
  try {
    for (const cause of some) {
      const missing = whatIsMissing(cause, target)
      if (missing === undefined) await repeat(cause, target, watches, runs)
      else console.log(`${cause.name}: left out, it needs ${missing}`)
    }
  } finally {
    await watches.stop()
  }
}

function whatIsMissing ({ localOnly, isChange }: Cause, { isLocal, parent }: Target): string | undefined {
  if (localOnly && !isLocal) return 'the processes, links and pod addresses of the local cluster'
  return isChange && parent === undefined ? 'a RedisSentinel of this operator' : undefined
}

async function repeat (cause: Cause, target: Target, watches: ReturnType<typeof startWatches>, runs: Run[]): Promise<void> {
  const count = values.runs === '' ? cause.runs : Number(values.runs)
  for (let run = 1; run <= count; run += 1) {
    const result = await measure(target, watches, cause, run)
    runs.push(result)
    const { promoted, labelled, published, written, gap, gaps, sentinelGap, everywhere, lost, acknowledged } = result
    const line = Object.entries({ promoted, labelled, published, written, gap, gaps, sentinelGap, everywhere }).map(([name, value]) => `${name} ${value?.toFixed(2) ?? '-'}`)
    console.log(`${cause.name} ${run}/${count}: ${line.join(', ')} s, ${lost} of ${acknowledged} lost`)
    await save(runs)
  }
}

async function save (runs: readonly Run[]): Promise<void> {
  await mkdir(dirname(values.out), { recursive: true })
  await writeFile(`${values.out}.json`, `${JSON.stringify({ at: new Date().toISOString(), mode: values.mode, pods: values.pods, runs }, null, 1)}\n`)
}

async function report (runs: readonly Run[]): Promise<void> {
  const titles = new Map(causes.map(({ name, title }) => [name, title]))
  console.log(`\nseconds, p50 / p95 / max; mode ${values.mode}\n${table(runs, titles)}`)
  for (const [cause, title] of titles) {
    const gaps = runs.filter((run) => run.cause === cause).map(({ gap }) => gap)
    if (gaps.length > 0) console.log(`\n${title}: longest gap of each run\n${histogram(gaps)}`)
  }
  await writeFile(`${values.out}.svg`, plot(runs, titles, 'Longest time without an acknowledged write through the master Service; p50 black, p95 red'))
  console.log(`\n${values.out}.json and ${values.out}.svg are written`)
}

main().then((code) => { process.exit(code) }, (error: unknown) => {
  console.error(error instanceof Error ? `bench-failover: ${error.message}${error.cause ? ` (${String(error.cause)})` : ''}` : error)
  process.exit(2)
})
