// Troubles of make chaos with what a pod takes for granted: its address, its Service, its disk, its clock.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fenceBoundMs } from './bounds.ts'
import type { Kind, Pod } from './pod.ts'
import { ask, info, REDIS_PORT, sleep, until } from './questions.ts'
import { anyRedis, anyReplica, between, type Context, pick, type Trouble } from './trouble.ts'

const execute = promisify(execFile)

let squatters = 0

/** A redis of somebody else, with one key and no password. */
async function startSquatter ({ lab }: Context, ip: string) {
  const sandbox = await lab.network.sandbox(`q${squatters++}`)
  await sandbox.addAddress(ip)
  const dir = await mkdtemp(join(lab.root, 'squatter-'))
  const [program = '', ...args] = [...sandbox.enter, 'redis-server', '--port', String(REDIS_PORT), '--bind', ip, '--protected-mode', 'no', '--dir', dir, '--save', '']
  const child = spawn(program, args, { stdio: 'ignore' })
  process.once('exit', () => { child.kill('SIGKILL') })
  await once(child, 'spawn')
  return {
    sandbox,
    end: async () => {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
      await sandbox.removeAddress(ip)
    },
  }
}

async function forget ({ plane }: Context): Promise<void> {
  const [program = '', ...args] = [...plane.probe.sandbox.enter, 'ip', 'neigh', 'flush', 'all']
  await execute(program, args)
  await execute('ip', ['neigh', 'flush', 'all'])
}

/** The node of a replica is lost, its object stays, and its address goes to a redis of somebody else, which nobody may touch. */
async function reusedIp (context: Context): Promise<void> {
  const { lab, plane, check } = context
  const pod = lab.pod('redis', anyReplica(context))
  const ip = pod.ip()
  pod.whenItEnds(() => {})
  await pod.kill()
  await pod.sandbox.removeAddress(ip)
  const squatter = await startSquatter(context, ip)
  await forget(context)
  await until('the squatter answers', () => ask(ip, REDIS_PORT, 'SET', 'whose', 'somebody else\'s'))
  await sleep(between(context, 2000, 12_000))
  const { role } = await info(ip)
  const keys = await ask(ip, REDIS_PORT, 'DBSIZE')
  check(`the redis of somebody else is ${role} with ${String(keys)} keys`, role === 'master' && keys === 1)
  await squatter.end()
  await pod.sandbox.addAddress(ip)
  await forget(context)
  await plane.deletePod('redis', pod.ordinal, { force: true })
  plane.show('redis', pod.ordinal)
}

/** Addresses of Services that are made anew. */
const [FIRST, COUNT] = [60, 38]
let services = 0

const newServices = (choose: (context: Context) => readonly Pod[]) => async (context: Context): Promise<void> => {
  const { lab, plane } = context
  for (const pod of choose(context)) {
    const address = lab.network.address(FIRST + services++ % COUNT)
    await plane.recreateService(pod.kind, pod.ordinal, address)
    const list = pod.kind === 'redis' ? lab.redis : lab.sentinels
    list[pod.ordinal] = address
  }
  await sleep(between(context, 500, 10_000))
  await lab.configure({ redis: lab.redis.slice(), sentinels: lab.sentinels.slice() })
  await plane.sync()
}

const allOf = (kind: Kind) => ({ lab }: Context) => lab.pods().filter((pod) => pod.kind === kind)

/** Disks that take nothing for up to one and a half seconds, again and again: of one redis, or of all. */
async function slowDisks (context: Context): Promise<void> {
  const { lab, random } = context
  const all = allOf('redis')(context)
  const pods = random() < 0.3 ? all : [lab.pod('redis', anyRedis(context))]
  context.note(pods.length > 1 ? 'all' : `redis ${pods[0]?.ordinal}`)
  const [from, ms] = [performance.now(), between(context, 3000, 12_000)]
  // one that hangs may be replaced, and acknowledges what has waited in its sockets when it goes on
  context.mayLose(pods, from, ms + fenceBoundMs(lab))
  while (performance.now() - from < ms) {
    const seconds = between(context, 0.2, 1.5)
    await Promise.all(pods.map((pod) => pod.freezeDisk(seconds)))
    await sleep(between(context, 50, 500))
  }
}

const YEAR = 365 * 24 * 3600
const JUMPS = [14 * YEAR, 3600, -3600, -24 * 3600] as const

/** The clock of a node jumps, and its files are of that time; the pod crashes then. */
async function clockJumps (context: Context): Promise<void> {
  const { lab, plane } = context
  const pod = lab.pod('redis', anyRedis(context))
  const seconds = JUMPS[pick(context, JUMPS.length)] ?? 0
  context.note(`redis ${pod.ordinal} by ${seconds} s`)
  await pod.shiftClock(seconds)
  await sleep(between(context, 0, 4000))
  context.mayLose([pod], performance.now(), 500, 3)
  await pod.kill()
  await pod.dateFiles(new Date(Date.now() + seconds * 1000))
  await plane.start('redis', pod.ordinal)
  await sleep(between(context, 0, 4000))
  await pod.shiftClock(0)
}

export const surprises: readonly Trouble[] = [
  { name: 'IP of a lost replica reused', touches: 'redis', make: reusedIp },
  { name: 'one Service new', touches: 'everything', make: newServices((context) => [context.lab.pods()[pick(context, context.lab.pods().length)]!]) },
  { name: 'all redis Services new', touches: 'everything', alone: true, make: newServices(allOf('redis')) },
  { name: 'all sentinel Services new', touches: 'everything', alone: true, make: newServices(allOf('sentinel')) },
  { name: 'slow disks', touches: 'redis', make: slowDisks },
  { name: 'clock jumps', touches: 'redis', make: clockJumps },
]
