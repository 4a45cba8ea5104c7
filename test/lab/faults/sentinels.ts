// Faults of the sentinels and of everything at once: 9, 11 to 16, 19, 22 to 24.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { startControlPlane } from '../control-plane.ts'
import { createLab } from '../lab.ts'
import { HOME } from '../network.ts'
import { ask, SENTINEL_PORT, sleep } from '../questions.ts'
import { shuffled } from '../random.ts'
import type { Fault, Run } from './run.ts'

const SENTINELS = [0, 1, 2] as const

async function oneCutOff (run: Run): Promise<void> {
  const { lab, plane, check } = run
  const before = await lab.epoch()
  const labels = plane.labelHistory().length
  const ordinal = Math.floor(run.random() * 3)
  await lab.pod('sentinel', ordinal).sandbox.cutOff()
  await sleep(15_000)
  await lab.pod('sentinel', ordinal).sandbox.restore()
  check('there was a failover', await lab.epoch() === before)
  check('the label was moved', new Set(plane.labelHistory().slice(labels)).size <= 1)
}

async function minority ({ lab, plane, master, time, figure, check }: Run): Promise<void> {
  const former = master()
  for (const ordinal of [1, 2]) await lab.kill('sentinel', ordinal)
  await lab.level()
  await lab.kill('redis', former)
  const { downAfterMilliseconds, failoverTimeout } = lab.spec()
  const limit = downAfterMilliseconds + 3 * failoverTimeout
  figure('another master', await time('another master', async () => (await lab.masters()).some((ordinal) => ordinal !== former)), limit)
  await time('the label follows', () => plane.labelled().length === 1 && plane.labelled()[0] !== former)
  check('there is no Event of it', plane.events().some((reason) => reason === 'LastResortPromotion'))
  await plane.start('redis', former)
  for (const ordinal of [1, 2]) await plane.start('sentinel', ordinal)
}

const restarted = (wipe: boolean) => async (run: Run): Promise<void> => {
  const { lab, plane, check, moveFromFirst, master } = run
  if (wipe) await moveFromFirst()
  const labels = plane.labelHistory().length
  const former = master()
  await Promise.all(SENTINELS.map((ordinal) => lab.kill('sentinel', ordinal)))
  for (const ordinal of SENTINELS) {
    if (wipe) await lab.wipe('sentinel', ordinal)
    await plane.start('sentinel', ordinal)
  }
  check('the master changed', await lab.healed() === former)
  check('the label was moved', new Set(plane.labelHistory().slice(labels)).size <= 1)
}

async function killAll ({ lab }: Run): Promise<void> {
  await Promise.all(lab.everybody().map(([kind, ordinal]) => lab.kill(kind, ordinal)))
}

/** Everything dies under load; the disks have what the kernel has been given. */
async function powerLoss (run: Run): Promise<void> {
  const { lab, plane, moveFromFirst, master, random, figure, check, writes } = run
  await moveFromFirst()
  const former = master()
  await writes()
  await lab.durable()
  await killAll(run)
  const from = performance.now()
  await plane.startAll(shuffled(lab.everybody(), random))
  const now = await lab.healed(60)
  figure('healed', performance.now() - from, 15_000)
  check('somebody else is master', now === former)
}

/** Ordinal 0 has old data, and nothing that the sentinels knew is left. */
async function powerLossWithoutState (run: Run): Promise<void> {
  const { lab, plane, moveFromFirst, master, random, writes, check } = run
  await moveFromFirst()
  const former = master()
  await lab.kill('redis', 0)
  await writes()
  await lab.durable()
  await plane.sync()
  await killAll(run)
  for (const ordinal of SENTINELS) await lab.wipe('sentinel', ordinal)
  await plane.startAll(shuffled(lab.everybody(), random))
  check('somebody else is master', await lab.healed(60) === former)
}

async function neverReturns (run: Run): Promise<void> {
  const { lab, plane, moveFromFirst, master, random, time, figure } = run
  await moveFromFirst()
  const former = master()
  await run.writer.pause()
  await lab.level()
  await lab.durable()
  await killAll(run)
  const rest = lab.everybody().filter(([kind, ordinal]) => kind === 'sentinel' || ordinal !== former)
  await plane.startAll(shuffled(rest, random))
  figure('another master', await time('another master', async () => (await lab.masters()).length === 1), lab.spec().downAfterMilliseconds + 5000)
  run.writer.resume()
  await plane.start('redis', former)
}

/** Each one dies when it is the leader of a failover; the kubelet starts it again, and with its process the order to die is forgotten. */
const leaderDies = (moment: 'crash-after-election' | 'crash-after-promotion') => async (run: Run): Promise<void> => {
  const { lab, plane, master, time, figure } = run
  const former = master()
  for (const sentinel of lab.sentinels) await ask(sentinel, SENTINEL_PORT, 'SENTINEL', 'SIMULATE-FAILURE', moment)
  await lab.kill('redis', former)
  const limit = 2 * lab.spec().failoverTimeout
  figure(`one master after ${moment}`, await time('one master', async () => String(plane.labelled()) !== String(former) && (await lab.masters()).length === 1, 120), limit)
  await plane.start('redis', former)
  await lab.healed(90)
}

/** Another cluster in the same network gets the addresses of pods that were deleted here. */
async function recycledAddresses (run: Run): Promise<void> {
  const { lab, plane, check } = run
  const other = await createLab({ network: lab.network, place: 1 })
  const plane2 = await startControlPlane(other, { place: 1 }).catch(async (error: unknown) => { await other.close(); throw error })
  try {
    await plane2.startAll()
    await other.healed()
    const free = lab.pod('redis', 1).ip()
    await plane.deletePod('redis', 1)
    const taker = other.pod('redis', 1)
    await taker.kill()
    await taker.moveTo(free)
    await taker.start()
    await other.healed()
    await lab.healed()
    await sleep(12_000)
    await other.healed()
    const theirs = await other.infos()
    check('writes of one cluster are in the other', theirs.every((info) => info?.['db0'] === undefined))
  } finally {
    await plane2.close()
    await other.close()
  }
}

async function replacedThreeTimes ({ lab, plane, check }: Run): Promise<void> {
  for (const ordinal of SENTINELS) {
    await lab.wipe('sentinel', ordinal).catch(() => {})
    await plane.deletePod('sentinel', ordinal, { force: true })
    await lab.healed()
  }
  for (const sentinel of lab.sentinels) {
    const answer = String(await ask(sentinel, SENTINEL_PORT, 'SENTINEL', 'CKQUORUM', 'mymaster'))
    check(`sentinel ${sentinel}: ${answer}`, answer.startsWith('OK 3'))
  }
}

/** The name server takes questions and never answers, the worst case (sentinel.md 1.2); but nobody asks. */
async function withoutNames ({ lab, plane, master, gap, writes, figure, check }: Run): Promise<void> {
  const nameServer = createSocket('udp4')
  let questions = 0
  nameServer.on('message', () => { questions += 1 }).bind(53, lab.network.address(HOME))
  await once(nameServer, 'listening')
  await plane.crash('redis', master(), { afterMs: 5000 })
  await writes()
  await lab.healed()
  figure('write gap', gap(), 1000)
  check(`${questions} names were asked for`, questions === 0)
  nameServer.close()
}

export const sentinelFaults: readonly Fault[] = [
  { number: 9, name: 'one sentinel cut off', inject: oneCutOff },
  { number: 11, name: 'two of three sentinels down, the master dies', inject: minority },
  { number: 12, name: 'all sentinels restart', short: true, inject: restarted(false) },
  { number: 13, name: 'all sentinels restart without state, the master is not ordinal 0', short: true, inject: restarted(true) },
  { number: 14, name: 'everything dies at once', short: true, inject: powerLoss },
  { number: 15, name: 'everything dies, no sentinel state, ordinal 0 has old data', short: true, inject: powerLossWithoutState },
  { number: 16, name: 'everything dies, the master never returns', inject: neverReturns },
  { number: 19, name: 'the leader of a failover dies after its election', inject: leaderDies('crash-after-election') },
  { number: 19.5, name: 'the leader of a failover dies after the promotion', inject: leaderDies('crash-after-promotion') },
  { number: 22, name: 'addresses of deleted pods go to another cluster', inject: recycledAddresses },
  { number: 23, name: 'three sentinels replaced, one after the other', inject: replacedThreeTimes },
  { number: 24, name: 'no name service while the master dies', options: { nameServer: true }, inject: withoutNames },
]
