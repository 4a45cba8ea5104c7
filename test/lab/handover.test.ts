import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startControlPlane } from './control-plane.ts'
import { type Lab, labFor, type LabOptions, type Shell } from './lab.ts'
import { connection, REDIS_PORT, until } from './questions.ts'
import { startWriter, type Writer } from './writer.ts'

t.setTimeout(600_000)

const shells: readonly Shell[] = ['dash', 'busybox sh']

/** A cluster under load. */
async function underLoad (t: Test, options: LabOptions = {}): Promise<{ lab: Lab, writer: Writer, former: number }> {
  const lab = await labFor(t, options)
  await lab.startAll()
  const former = await lab.healed()
  const writer = startWriter(lab.redis)
  t.teardown(writer.stop)
  await until('some writes', async () => writer.acknowledged() > 300 || undefined)
  await lab.streaming()
  return { lab, writer, former }
}

async function nothingIsLost (t: Test, lab: Lab, writer: Writer): Promise<void> {
  await writer.stop()
  await lab.level()
  for (const address of lab.redis) t.equal(await writer.lost(address), 0, `${address} has all ${writer.acknowledged()} writes`)
  t.comment(`longest gap ${writer.gap()} ms`)
}

for (const shell of shells) {
  t.test(`the preStop of the master ends when the probe has handed it over, without a lost write (${shell})`, async (t) => {
    const { lab, writer, former } = await underLoad(t, { shell })
    const plane = await startControlPlane(lab)
    t.teardown(plane.close)
    await plane.probe.start()
    await plane.healed()
    const before = lab.log('redis', former)
    await plane.deletePod('redis', former, { stay: true })
    const log = (await lab.log('redis', former)).slice((await before).length)
    t.match(log, /redis-prestop.sh lab-redis-\d: no longer the master, follows /)
    t.notMatch(log.slice(0, log.indexOf('no longer the master')), /User requested shutdown|Received SIGTERM/)
    await plane.start('redis', former)
    t.not(await lab.healed(), former)
    await nothingIsLost(t, lab, writer)
  })

  t.test(`without a probe preStop ends by itself, and the end of the master alone loses nothing (${shell})`, async (t) => {
    const { lab, writer, former } = await underLoad(t, { shell })
    const pod = lab.pod('redis', former)
    await pod.terminate()
    t.match(await pod.log(), /no handover in time: the sentinels will promote a replica/)
    t.same((await lab.masters()).includes(former), false)
    await until('another master', async () => (await lab.masters()).length > 0 || undefined)
    await pod.start()
    t.not(await lab.healed(), former)
    await nothingIsLost(t, lab, writer)
  })
}

t.test('the preStop of a master that does not answer for a while waits for it', async (t) => {
  const { lab, writer, former } = await underLoad(t)
  const pod = lab.pod('redis', former)
  pod.signal('SIGSTOP')
  const script = pod.script('redis-prestop.sh')
  // longer than it waits for one answer, and shorter than the sentinels
  setTimeout(() => pod.signal('SIGCONT'), 2500)
  t.match(await script, { code: 0 })
  t.match(await pod.log(), /no handover in time/)
  t.equal(await lab.healed(), former)
  await nothingIsLost(t, lab, writer)
})

t.test('the preStop of a redis that has ended does not wait', async (t) => {
  const lab = await labFor(t)
  await lab.startAll()
  const master = await lab.healed()
  await lab.kill('redis', master)
  t.match(await lab.script('redis-prestop.sh', master), { code: 0 })
  t.notMatch(await lab.log('redis', master), /redis-prestop.sh/)
})

t.test('the preStop of a replica does nothing', async (t) => {
  const lab = await labFor(t)
  await lab.startAll()
  const master = await lab.healed()
  t.match(await lab.script('redis-prestop.sh', 1), { code: 0, output: '' })
  t.notMatch(await lab.log('redis', 1), 'redis-prestop.sh')
  t.same(await lab.masters(), [master])
})

t.test('a replica that has just been copied ends when it is told to, with its first append only file complete', async (t) => {
  const lab = await labFor(t)
  await lab.startAll()
  const master = await lab.healed()
  const redis = connection(lab.redis[master] ?? '', REDIS_PORT)
  t.teardown(() => { redis.disconnect() })
  await redis.connect()
  for (let i = 0; i < 4; i++) await redis.set(`key-${i}`, 'x')
  const pod = lab.pod('redis', (master + 1) % 3)
  await pod.kill()
  await pod.wipe()
  // as with much data: microseconds for each key that is written to a file
  await pod.addSetting('rdb-key-save-delay 400000')
  await pod.start()
  await until('it is copied', async () => (await lab.infos())[pod.ordinal]?.['master_link_status'] === 'up' || undefined)
  await pod.terminate()
  t.notMatch(await pod.log(), "can't exit")
  t.match(await readFile(join(pod.data, 'appendonlydir', 'appendonly.aof.manifest'), 'utf8'), /base/)
})

t.test('the preStop of a master without replicas does not wait', async (t) => {
  const lab = await labFor(t, { redisReplicas: 1 })
  await lab.startAll()
  await lab.healed()
  t.match(await lab.script('redis-prestop.sh', 0), { code: 0 })
  t.notMatch(await lab.log('redis', 0), /redis-prestop.sh/)
})
