/**
 * make bench-kill-loss: what does Redis itself lose when its master is killed? One master, two linked replicas, clients that write a
 * key a millisecond each and wait for each answer; SIGKILL; then the acknowledged keys that a replica does not have. No operator
 * takes part: whatever is missing on both replicas can be saved by no failover (docs/failure-modes.md).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Redis } from 'ioredis'
import { connect } from './failover/clients.ts'
import { until } from './failover/target.ts'

const USAGE = 'usage: make bench-kill-loss [ROUNDS=200] [CLIENTS=1,3,10]'
const PORTS = [16379, 16380, 16381]
/** So that a kill falls on any phase of the servers' loops. */
const WRITING_MS = 150
const JITTER_MS = 50

interface Round {
  readonly acknowledged: number
  /** Acknowledged keys that the replica with the most lacks, and that the other one lacks. */
  readonly best: number
  readonly other: number
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '200' }, clients: { type: 'string', default: '1,3,10' }, help: { type: 'boolean' } } })

function startRedis (folder: string, port: number, ...more: string[]): ChildProcess {
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--repl-diskless-sync-delay', '0', ...more]
  return spawn('redis-server', options, { stdio: 'ignore' })
}

const open = (port: number) => connect('127.0.0.1', port)

/** Resolves to the acknowledged keys when the connection breaks. */
async function write (redis: Redis, client: number): Promise<string[]> {
  const keys: string[] = []
  try {
    for (let sequence = 0; ; sequence += 1) {
      const key = `${client}:${sequence}`
      await redis.set(key, sequence)
      keys.push(key)
      await sleep(1)
    }
  } catch {
    return keys
  }
}

/**
 * Both sides call a replica linked up to a second before it is sent the first write: its first acknowledgement is ignored while the
 * master has not yet noticed that its child is done (replication.c, repl_start_cmd_stream_on_ack).
 */
async function has (port: number, key: string): Promise<void> {
  const redis = await open(port)
  await until(`${port} has ${key}`, async () => await redis.exists(key) === 1 || undefined)
  redis.disconnect()
}

async function missing (port: number, keys: readonly string[]): Promise<{ missing: number, offset: number }> {
  const redis = await open(port)
  try {
    await until(`${port} has lost its master`, async () => (await redis.info('replication')).includes('master_link_status:down') || undefined)
    const offset = Number(/slave_repl_offset:(\d+)/.exec(await redis.info('replication'))?.[1])
    return { missing: (await redis.mget([...keys])).filter((value) => value === null).length, offset }
  } finally {
    redis.disconnect()
  }
}

async function play (folder: string, clients: number): Promise<Round> {
  const [masterPort = 0, ...replicaPorts] = PORTS
  const master = startRedis(folder, masterPort)
  const replicas = replicaPorts.map((port) => startRedis(folder, port, '--replicaof', `127.0.0.1 ${masterPort}`))
  const connections: Redis[] = []
  try {
    for (const port of replicaPorts) (await until(`${port} answers`, () => open(port))).disconnect()
    while (connections.length < clients) connections.push(await until(`${masterPort} answers`, () => open(masterPort)))
    for (const key of ['in-its-copy', 'in-its-stream']) {
      await connections[0]?.set(key, 1)
      await Promise.all(replicaPorts.map((port) => has(port, key)))
    }
    const writing = connections.map(write)
    await sleep(WRITING_MS + Math.random() * JITTER_MS)
    master.kill('SIGKILL')
    const keys = (await Promise.all(writing)).flat()
    const [one, two] = await Promise.all(replicaPorts.map((port) => missing(port, keys)))
    if (!one || !two) throw new Error('two replicas are expected')
    const [best, other] = one.offset >= two.offset ? [one, two] : [two, one]
    return { acknowledged: keys.length, best: best.missing, other: other.missing }
  } finally {
    for (const redis of connections) redis.disconnect()
    await Promise.all([master, ...replicas].map(end))
  }
}

async function end (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

async function main (): Promise<void> {
  if (values.help) {
    console.log(USAGE)
    return
  }
  const folder = await mkdtemp(join(tmpdir(), 'kill-loss-'))
  console.log('| clients | rounds | acknowledged | rounds with a loss | lost on both replicas | at the most | lacking on the one with less |\n|---|---|---|---|---|---|---|')
  try {
    for (const clients of values.clients.split(',').map(Number)) {
      const rounds: Round[] = []
      while (rounds.length < Number(values.rounds)) rounds.push(await play(folder, clients))
      const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0)
      const lossy = rounds.filter(({ best }) => best > 0)
      console.log(`| ${clients} | ${rounds.length} | ${sum(({ acknowledged }) => acknowledged)} | ${lossy.length} | ${sum(({ best }) => best)} | ${Math.max(0, ...lossy.map(({ best }) => best))} | ${sum(({ other }) => other)} |`)
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

await main()
