/**
 * make bench-hook: requests a second, p50, p99 and RSS of the compiled webhook, beside a Fastify server that only parses the same
 * request and serialises the same answer. One process each, one after the other, under the same load; ratios are of one run.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Fastify from 'fastify'
import { parse } from 'yaml'
import { rehearse } from '../src/hook/rehearse.ts'
import { percentile } from './failover/figures.ts'
import { until } from './failover/target.ts'
import { rssMiB } from '../test/probe/process.ts'

const USAGE = 'usage: make bench-hook [SECONDS=10] [CONNECTIONS=4]'
const PORT = 18080
const METRICS_PORT = 18081
const WARM_UP_MS = 2000
const BODY_LIMIT = 32 * 1024 * 1024

interface Load {
  readonly name: string
  /** Taken in turn. */
  readonly bodies: readonly Buffer[]
  /** The answer of the server that does nothing, as text of JSON. */
  readonly answer: string
}

interface Figures { readonly perSecond: number, readonly p50: number, readonly p99: number, readonly rss: number }

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '10' }, connections: { type: 'string', default: '4' }, empty: { type: 'string' }, help: { type: 'boolean' } },
})

function load (name: string, members: number, parents = 1): Load {
  const controller = parse(readFileSync('metacontroller/redis-sentinel.yaml', 'utf8')) as object
  const rehearsals = Array.from({ length: parents }, (_, n) => rehearse('redis-sentinel', controller, {
    apiVersion: 'cache.iguochan.io/v1',
    kind: 'RedisSentinel',
    metadata: { name: `cache-${n}`, namespace: 'shop', uid: `uid-${n}`, generation: 1 },
    spec: { redisReplicas: members, sentinelReplicas: members },
  }, new Date()))
  return {
    name,
    bodies: rehearsals.map(({ request }) => Buffer.from(JSON.stringify(request))),
    answer: JSON.stringify(rehearsals[0]?.response),
  }
}

/** The server that does nothing: this file again, as a process of its own. */
async function serveEmpty (file: string): Promise<void> {
  const answer = JSON.parse(readFileSync(file, 'utf8')) as object
  const server = Fastify({ bodyLimit: BODY_LIMIT })
  server.get('/healthz', () => ({ status: 'ok' }))
  server.post('/v1/redis-sentinel/sync', () => answer)
  await server.listen({ port: PORT, host: '127.0.0.1' })
}

function start (args: readonly string[]): ChildProcess {
  const env = { PATH: process.env['PATH'], PORT: String(PORT), METRICS_PORT: String(METRICS_PORT), LOG_LEVEL: 'info' }
  return spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
}

function post (body: Buffer, agent: http.Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    const request = http.request({ port: PORT, host: '127.0.0.1', method: 'POST', path: '/v1/redis-sentinel/sync', agent, headers }, (response) => {
      response.resume().on('end', () => { resolve(response.statusCode ?? 0) })
    })
    request.on('error', reject)
    request.end(body)
  })
}

async function measure (child: ChildProcess, { bodies }: Load): Promise<Figures> {
  const connections = Number(values.connections)
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections })
  const took: number[] = []
  await until('the server is up', async () => (await fetch(`http://127.0.0.1:${PORT}/healthz`)).ok || undefined, 10)
  const from = performance.now() + WARM_UP_MS
  const to = from + Number(values.seconds) * 1000
  let next = 0
  await Promise.all(Array.from({ length: connections }, async () => {
    while (performance.now() < to) {
      const sent = performance.now()
      const status = await post(bodies[next++ % bodies.length] ?? Buffer.alloc(0), agent)
      if (status !== 200) throw new Error(`the server answers ${status}`)
      if (sent >= from) took.push(performance.now() - sent)
    }
  }))
  agent.destroy()
  const sorted = took.toSorted((a, b) => a - b)
  const perSecond = took.length / Number(values.seconds)
  return { perSecond, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), rss: rssMiB(child.pid) }
}

async function run (args: readonly string[], work: Load): Promise<Figures> {
  const child = start(args)
  try {
    return await measure(child, work)
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

function row (name: string, { perSecond, p50, p99, rss }: Figures): string {
  return `| ${name} | ${perSecond.toFixed(0)} | ${p50.toFixed(2)} | ${p99.toFixed(2)} | ${rss.toFixed(0)} |`
}

async function main (): Promise<void> {
  if (values.help) return console.log(USAGE)
  if (values.empty !== undefined) return serveEmpty(values.empty)
  console.log('| server and load | requests/s | p50 ms | p99 ms | RSS MiB |\n|---|---|---|---|---|')
  const folder = await mkdtemp(join(tmpdir(), 'bench-hook-'))
  try {
    for (const work of [load('3+3', 3), load('7+7', 7), load('3+3, 1,000 parents', 3, 1000)]) {
      await writeFile(`${folder}/answer.json`, work.answer)
      const hook = await run(['dist/operator/main.js'], work)
      const empty = await run(['--import', 'tsx', 'bench/hook.ts', '--empty', `${folder}/answer.json`], work)
      const size = (work.bodies[0]?.length ?? 0) / 1024
      console.log(row(`webhook, ${work.name} (${size.toFixed(0)} KiB in, ${(work.answer.length / 1024).toFixed(0)} KiB out)`, hook))
      console.log(row('Fastify that only parses and serialises', empty))
      console.log(`| ratio | ${(hook.perSecond / empty.perSecond).toFixed(2)} | ${(hook.p50 / empty.p50).toFixed(2)} | ${(hook.p99 / empty.p99).toFixed(2)} | ${(hook.rss / empty.rss).toFixed(2)} |`)
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

await main()
