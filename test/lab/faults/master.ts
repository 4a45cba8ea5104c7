// Faults of the master: 1 to 8, 17, 18, 20, 21.
import { fenceBoundMs } from '../bounds.ts'
import { ask, sentinelMaster, SENTINEL_PORT, sleep } from '../questions.ts'
import type { Fault, Run } from './run.ts'
import { splitOff } from './zones.ts'

/** Goals for the gap of a client, in milliseconds: of issue 14. What kube-proxy needs comes on top in a cluster. */
const GOAL = { killed: 350, planned: 300, forced: 500, bySentinel: 150, electing: 600 } as const

/** The kubelet starts a killed container again long before the sentinels notice. */
async function crashed (run: Run, wipe = false): Promise<void> {
  const former = run.master()
  const asking = await run.asking()
  await run.plane.crash('redis', former, { wipe })
  await run.time('another master', async () => (await run.lab.masters()).some((ordinal) => ordinal !== former))
  await run.writes()
  run.figure('write gap', run.gap(), GOAL.killed)
  run.figure('by Sentinel', run.gap(asking), GOAL.bySentinel)
}

async function deleted (run: Run, force: boolean, goal: number): Promise<void> {
  const { lab, plane, master, writes, figure, check } = run
  const asking = await run.asking()
  const oldIp = lab.pod('redis', master()).ip()
  await plane.deletePod('redis', master(), { force, awayMs: force ? 5000 : 1000 })
  await writes()
  figure('write gap', run.gap(), goal)
  figure('by Sentinel', run.gap(asking), GOAL.bySentinel)
  for (const sentinel of lab.sentinels) {
    const known = JSON.stringify(await ask(sentinel, SENTINEL_PORT, 'SENTINEL', 'REPLICAS', 'mymaster'))
    check(`sentinel ${sentinel} knows the address of the old pod`, !known.includes(`"${oldIp}"`))
  }
}

async function lostNode (run: Run): Promise<void> {
  const { lab, master, writes, figure } = run
  const asking = await run.asking()
  const { sandbox } = lab.pod('redis', master())
  await sandbox.cutOff()
  await writes()
  const written = asking.acknowledged()
  await run.time('the client that asks Sentinel writes', () => asking.acknowledged() > written + 50)
  const goal = lab.spec().downAfterMilliseconds + GOAL.electing
  figure('write gap', run.gap(), goal)
  figure('by Sentinel', run.gap(asking), goal)
  await sandbox.restore()
}

/** What waits in its sockets is acknowledged when it goes on, before it is demoted. */
async function hung (run: Run): Promise<void> {
  const { lab, master, time, figure } = run
  const former = master()
  const asking = await run.asking()
  const pod = lab.pod('redis', former)
  pod.signal('SIGSTOP')
  await time('another master', async () => (await lab.masters()).some((ordinal) => ordinal !== former))
  await sleep(10_000)
  const goal = lab.spec().downAfterMilliseconds + GOAL.electing
  figure('write gap', run.gap(), goal)
  figure('by Sentinel', run.gap(asking), goal)
  run.mayLose(pod, performance.now(), fenceBoundMs(lab))
  pod.signal('SIGCONT')
  figure('former master demoted', await time('the former master follows', async () => !(await lab.masters()).includes(former)), 2000)
}

async function afterBootstrap (run: Run): Promise<void> {
  const { lab, master, time, figure, plane } = run
  const former = master()
  await sleep(3000)
  await lab.kill('redis', former)
  figure('another master', await time('another master', async () => (await lab.masters()).some((ordinal) => ordinal !== former)), 7000)
  await plane.start('redis', former)
}

async function withReplica (run: Run): Promise<void> {
  const { lab, plane, master, others, time, figure, writes } = run
  const [second = 0, third] = others()
  const former = master()
  await lab.level()
  await Promise.all([lab.kill('redis', former), lab.kill('redis', second)])
  figure('the third is master', await time('the third is master', async () => String(await lab.masters()) === String(third)), 7000)
  await plane.start('redis', second)
  await writes()
  figure('write gap', run.gap())
  await plane.start('redis', former)
}

const named = async (run: Run, sentinel = 0): Promise<number> => {
  const { ip } = await sentinelMaster(run.lab.sentinels[sentinel] ?? '')
  return run.lab.redis.indexOf(ip ?? '')
}

async function twice (run: Run): Promise<void> {
  const { lab, plane, master, time } = run
  const first = master()
  await lab.kill('redis', first)
  await time('the sentinels name another', async () => await named(run) !== first)
  await sleep(500)
  const second = await named(run)
  await lab.kill('redis', second)
  await sleep(2000)
  await plane.start('redis', first)
  await plane.start('redis', second)
}

/** One after the other, so that each knows less than the next: only the last one has everything. */
async function withoutReplicas (run: Run): Promise<void> {
  const { lab, plane, master, others, time, figure, writes, writer } = run
  const former = master()
  const [early = 0, late = 0] = others()
  await lab.kill('redis', early)
  await writes()
  await sleep(2000)
  await writer.pause()
  await lab.level()
  await lab.kill('redis', late)
  await lab.kill('redis', former)
  writer.resume()
  await sleep(3000)
  await plane.start('redis', early)
  await plane.start('redis', late)
  const limit = 2 * lab.spec().failoverTimeout + 2000
  figure('a replica is master', await time('a replica is master', async () => (await lab.masters()).length === 1), limit)
  await plane.start('redis', former)
}

async function handedOver ({ lab, plane, writes, writer, figure }: Run): Promise<void> {
  for (const ordinal of [2, 1, 0]) {
    await plane.deletePod('redis', ordinal)
    await plane.ready('redis', ordinal)
    await lab.healed()
    await writes()
  }
  figure('sum of write gaps', writer.gaps(), 800)
}

async function rogue ({ lab, plane, others, time, figure, check }: Run): Promise<void> {
  const before = plane.labelHistory().length
  const [replica = 0] = others()
  await lab.command(lab.redis[replica] ?? '', 'REPLICAOF', 'NO', 'ONE')
  figure('demoted', await time('the rogue follows again', async () => !(await lab.masters()).includes(replica)), 2000)
  check('the label moved', plane.labelHistory().slice(before).every((pod) => pod.endsWith(String(plane.labelled()[0]))))
}

export const masterFaults: readonly Fault[] = [
  { number: 1, name: 'master process dies, its container restarts', short: true, inject: (run) => crashed(run) },
  { number: 2, name: 'the same without persistence', options: { persistent: false }, short: true, inject: (run) => crashed(run) },
  { number: 3, name: 'the same, and its volume is gone', short: true, inject: (run) => crashed(run, true) },
  { number: 4, name: 'master pod deleted', short: true, inject: (run) => deleted(run, false, GOAL.planned) },
  { number: 5, name: 'master pod deleted by force, new address', inject: (run) => deleted(run, true, GOAL.forced) },
  { number: 6, name: 'node of the master lost', inject: lostNode },
  { number: 7, name: 'master hangs', inject: hung },
  {
    number: 8,
    name: 'partition: master and a client on one side, 20 s',
    inject: (run) => splitOff(run, { pods: [run.lab.pod('redis', run.master())], seconds: 20 }),
  },
  { number: 17, name: 'master dies 3 s after the first bootstrap', prepare: async ({ lab }) => { await lab.healed() }, inject: afterBootstrap },
  { number: 18, name: 'master and a replica die together', inject: withReplica },
  { number: 20, name: 'two failovers in a row', inject: twice },
  { number: 21, name: 'all replicas die one after the other, then the master; the replicas return', inject: withoutReplicas },
  { number: 30, name: 'rolling update, pod after pod', inject: handedOver },
  { number: 34, name: 'somebody makes a replica a master', short: true, inject: rogue },
]
