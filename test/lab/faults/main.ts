// make faults: runs the faults, each run in a process of its own, and prints a table of what each one cost.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { faults } from './index.ts'
import { type Result, runFault } from './run.ts'
import { table } from './table.ts'

const USAGE = `usage: make faults [ONLY=1,7,34] [RUNS=5] [SEED=1] [JOBS=1] [JSON=faults.json]
Runs each fault RUNS times against a fresh cluster of real redis and sentinel processes under load, with the compiled probe,
and prints per fault: the longest write gap, lost acknowledged writes, the time to heal, and what was not as it must be.
  ONLY  numbers of faults; all if left out. LIST=1 lists them.
  SEED  of the first run; run i has SEED + i. A run is repeated by ONLY=number SEED=its seed RUNS=1.
  JOBS  runs at the same time; figures of time are good only with few.
  JSON  where the results go as JSON as well.`

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    runs: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    json: { type: 'string', default: '' },
    one: { type: 'string' },
    list: { type: 'boolean' },
    help: { type: 'boolean' },
  },
})

interface Job { readonly number: number, readonly seed: number }

async function main (): Promise<number> {
  if (values.help) return print(USAGE)
  if (values.list) return print(faults.map(({ number, name }) => `${String(number).padStart(5)}  ${name}`).join('\n'))
  if (values.one !== undefined) return one(Number(values.one), Number(values.seed))
  const jobs = chosen()
  const results: Result[] = []
  const queue = [...jobs]
  const started = performance.now()
  await Promise.all(Array.from({ length: Number(values.jobs) }, async () => {
    for (let job = queue.shift(); job; job = queue.shift()) {
      const result = await inProcess(job)
      results.push(result)
      progress(results.length, jobs.length, result, performance.now() - started)
    }
  }))
  print(table(results))
  if (values.json !== '') {
    await mkdir(dirname(values.json), { recursive: true })
    await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`)
  }
  return results.some(({ violations }) => violations.length > 0) ? 1 : 0
}

function chosen (): Job[] {
  const only = values.only === '' ? faults.map(({ number }) => number) : values.only.split(',').map(Number)
  const unknown = only.find((number) => !faults.some((fault) => fault.number === number))
  if (unknown !== undefined) throw new Error(`no fault ${unknown}; LIST=1 lists them`)
  const runs = Array.from({ length: Number(values.runs) }, (_, i) => Number(values.seed) + i)
  return runs.flatMap((seed) => only.map((number) => ({ number, seed })))
}

async function one (number: number, seed: number): Promise<number> {
  const fault = faults.find((candidate) => candidate.number === number)
  if (!fault) throw new Error(`no fault ${number}`)
  const result = await runFault(fault, seed, (text) => console.error(text))
  console.log(JSON.stringify(result))
  return 0
}

/** A fault that takes its process with it must not take the others. */
async function inProcess ({ number, seed }: Job): Promise<Result> {
  const args = [...process.execArgv, process.argv[1] ?? '', '--one', String(number), '--seed', String(seed)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { err += text })
  await once(child, 'close')
  const line = out.trim().split('\n').at(-1) ?? ''
  const result = line === '' ? withoutResult(number, seed) : JSON.parse(line) as Result
  if (result.violations.length > 0) await keepLog(result, err)
  return result
}

function withoutResult (number: number, seed: number): Result {
  const name = faults.find((fault) => fault.number === number)?.name ?? ''
  return { number, name, seed, acknowledged: 0, lost: -1, gapMs: 0, healMs: null, figures: [], violations: ['ended without a result'] }
}

async function keepLog ({ number, seed }: Result, text: string): Promise<void> {
  await mkdir('faults-logs', { recursive: true })
  await writeFile(`faults-logs/${number}-${seed}.log`, text)
}

function progress (done: number, all: number, { number, seed, violations, gapMs, lost }: Result, tookMs: number): void {
  const verdict = violations.length === 0 ? 'ok' : `NOT OK: ${violations.join('; ')} (faults-logs/${number}-${seed}.log)`
  console.error(`[${(tookMs / 1000).toFixed(0).padStart(5)} s] ${done}/${all} fault ${number} seed ${seed}: gap ${gapMs} ms, lost ${lost}, ${verdict}`)
}

function print (text: string): number {
  console.log(text)
  return 0
}

main().then((code) => { process.exitCode = code }, (error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
})
