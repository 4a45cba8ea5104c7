// Faults of what is around: the probe, the API server, disks, processors, people. 10, 25 to 29, 31 to 33, 35.
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { addressesOf } from '../pod.ts'
import { ask, connection, REDIS_PORT, sentinelMaster, SENTINEL_PORT, sleep } from '../questions.ts'
import type { Fault, Run } from './run.ts'

async function probeCutOff (run: Run): Promise<void> {
  const { lab, plane, master, check, time, figure } = run
  const former = master()
  const before = await lab.epoch()
  const pods = addressesOf(lab.pods())
  await plane.probe.sandbox.cutFrom(pods)
  await sleep(10_000)
  check('there was a failover', await lab.epoch() === before)
  await lab.kill('redis', former)
  await time('the sentinels name another', async () => await lab.epoch() !== before)
  await sleep(3000)
  await plane.probe.sandbox.restore()
  figure('label follows', await time('the label follows', async () => String(plane.labelled()) === String(await lab.masters())), 2000)
  await plane.start('redis', former)
}

/** Stopped for half of down-after, again and again. */
async function throttled (run: Run): Promise<void> {
  const { lab, plane, master, check } = run
  const before = await lab.epoch()
  const labels = plane.labelHistory().length
  const pod = lab.pod('redis', master())
  for (let i = 0; i < 4; i += 1) {
    pod.signal('SIGSTOP')
    await sleep(lab.spec().downAfterMilliseconds / 2)
    pod.signal('SIGCONT')
    await sleep(1000)
  }
  check('there was a failover', await lab.epoch() === before)
  check('the label was moved', new Set(plane.labelHistory().slice(labels)).size <= 1)
}

async function endlessScript ({ lab, master, writes, gap, figure }: Run): Promise<void> {
  const redis = connection(lab.redis[master()] ?? '', REDIS_PORT, { commandTimeout: 60_000 })
  await redis.connect()
  // ended by SCRIPT KILL, or with its process
  redis.eval('while true do end', 0).catch(() => {}).finally(() => redis.disconnect())
  await sleep(1500)
  await writes()
  figure('write gap', gap(), 3 * lab.spec().downAfterMilliseconds)
}

async function loading ({ lab, plane, master, check, time, figure, writes }: Run): Promise<void> {
  const former = master()
  const pod = lab.pod('redis', former)
  await writes(2000)
  await lab.kill('redis', former)
  // microseconds for each key: as slow as a data set of gigabytes
  await pod.addSetting('key-load-delay 3000')
  await sleep(300)
  await plane.start('redis', former)
  await time('it loads', async () => (await lab.infos())[former]?.['loading'] === '1', 15)
  check('a loading pod is ready', (await pod.script('redis-ready.sh')).code !== 0)
  check('a loading pod is not alive', (await pod.script('redis-alive.sh')).code === 0)
  await writes()
  figure('loaded', await time('it has loaded', async () => (await lab.infos())[former]?.['loading'] === '0'))
}

async function probeRestarts ({ lab, plane, master, time, figure, random }: Run): Promise<void> {
  const former = master()
  await lab.kill('redis', former)
  await sleep(random() * 1000)
  await plane.probe.kill()
  await time('another master', async () => (await lab.masters()).length === 1)
  const sentinelsAgree = async () => {
    const views = await Promise.all(lab.sentinels.map((sentinel) => sentinelMaster(sentinel)))
    return views.every(({ ip }) => ip !== lab.redis[former])
  }
  await time('the sentinels agree', sentinelsAgree)
  await plane.probe.start()
  figure('label right', await time('the label follows', async () => String(plane.labelled()) === String(await lab.masters())), 2000)
  await plane.start('redis', former)
}

async function apiAway ({ lab, plane, master, time, figure }: Run): Promise<void> {
  const former = master()
  await plane.api.stop()
  await sleep(20_000)
  await lab.kill('redis', former)
  figure('another master', await time('another master', async () => (await lab.masters()).length === 1), lab.spec().downAfterMilliseconds + 3000)
  await sleep(30_000)
  await plane.api.start()
  figure('label follows', await time('the label follows', async () => String(plane.labelled()) === String(await lab.masters())), 10_000)
  await plane.start('redis', former)
}

/** What the StatefulSets do with a changed number of replicas: all at once. */
async function scaled (run: Run): Promise<void> {
  const { lab, plane, check } = run
  await lab.configure({ spec: { redisReplicas: 5, sentinelReplicas: 5 }, redis: lab.redis, sentinels: lab.sentinels })
  for (const kind of ['redis', 'sentinel'] as const) for (const ordinal of [3, 4]) plane.show(kind, ordinal)
  await plane.changeSpec()
  await plane.startAll([['redis', 3], ['redis', 4], ['sentinel', 3], ['sentinel', 4]])
  await lab.healed(60)
  await run.writes()
  await plane.switchOver(4)
  await lab.healed(60)

  await lab.configure({ spec: { redisReplicas: 3, sentinelReplicas: 3 }, redis: lab.redis.slice(0, 3), sentinels: lab.sentinels.slice(0, 3) })
  await plane.changeSpec()
  const removed = (['redis', 'sentinel'] as const).flatMap((kind) => [4, 3].map((ordinal) => plane.deletePod(kind, ordinal, { stay: true })))
  await Promise.all(removed)
  run.figure('members right', await run.time('all sentinels know the members', async () => await lab.healed(180) < 3, 180), 90_000)
  check('a removed pod is master', await lab.healed() < 3)
}

async function fullDisk (run: Run): Promise<void> {
  const { lab, plane, master, time, figure, check, writes } = run
  const ordinal = master()
  const before = await lab.epoch()
  const pod = lab.pod('redis', ordinal)
  const filler = join(pod.data, 'filler')
  await writeFile(filler, Buffer.alloc(64 * 1024 * 1024)).catch(() => {})
  // redis tries again each second, and a small write may find room
  figure('shown as not ready', await time('the pod says so', async () => /disk/.test((await pod.script('redis-ready.sh')).output), 90))
  await time('the status says so', () => JSON.stringify(plane.status()).includes('2/3'), 30)
  await sleep(5000)
  // redis answers MISCONF to a PING as well, so the sentinels choose a master that can write
  check('the master changed more than once', Number(await lab.epoch()) - Number(before) <= 1)
  await writes()
  figure('write gap', run.gap(), lab.spec().downAfterMilliseconds + 3000)
  await rm(filler)
  figure('ready again', await time('the pod is ready', async () => (await pod.script('redis-ready.sh')).code === 0))
}

/** Volumes of 24 MiB, in memory. */
async function smallDisks (run: Run): Promise<void> {
  const { lab, plane, writes } = run
  for (const pod of lab.pods()) {
    if (pod.kind === 'redis') await pod.kill()
  }
  await Promise.all([0, 1, 2].map((ordinal) => lab.kill('sentinel', ordinal)))
  for (const pod of lab.pods()) {
    await pod.wipe()
    if (pod.kind === 'redis') await pod.limitVolume(24)
  }
  await plane.startAll()
  await lab.healed()
  await writes()
  await lab.streaming()
}

async function serviceDeleted ({ lab, plane, time, figure, random }: Run): Promise<void> {
  const ordinal = Math.floor(random() * 3)
  const address = lab.network.address(150 + ordinal)
  const addresses = lab.redis.with(ordinal, address)
  await plane.recreateService('redis', ordinal, address)
  await lab.configure({ redis: addresses })
  lab.redis[ordinal] = address
  await plane.sync()
  const wanted = lab.redis.toSorted().join(' ')
  const known = async (sentinel: string) => {
    const { ip = '' } = await sentinelMaster(sentinel)
    const replicas = await ask(sentinel, SENTINEL_PORT, 'SENTINEL', 'REPLICAS', 'mymaster') as string[][]
    return [ip, ...replicas.map((fields) => fields[fields.indexOf('ip') + 1] ?? '')].toSorted().join(' ')
  }
  const right = async () => (await Promise.all(lab.sentinels.map(known))).every((addresses) => addresses === wanted)
  figure('all sentinels know the new address alone', await time('all sentinels know the new address', right, 240), 120_000)
}

export const surroundingFaults: readonly Fault[] = [
  { number: 10, name: 'the probe cut off from all pods', inject: probeCutOff },
  { number: 25, name: 'the master is slow: stopped for half of down-after, four times', inject: throttled },
  { number: 26, name: 'an endless script on the master', inject: endlessScript },
  { number: 27, name: 'a large data set loads at the restart', inject: loading },
  { number: 28, name: 'the probe restarts in the middle of a failover', inject: probeRestarts },
  { number: 29, name: 'the API server is away for a minute', inject: apiAway },
  { number: 31, name: 'scaled 3 to 5 to 3, the master is removed', options: { spare: 2 }, inject: scaled },
  { number: 33, name: 'the disk of the master is full', prepare: smallDisks, inject: fullDisk },
  { number: 35, name: 'somebody deletes the Service of a pod', inject: serviceDeleted },
]
