import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { labFor, type Shell } from './lab.ts'
import { ask, connection, REDIS_PORT, sentinelMaster, until } from './questions.ts'
import { startWriter } from './writer.ts'

t.setTimeout(180_000)

const shells: readonly Shell[] = ['dash', 'busybox sh']

for (const shell of shells) {
  t.test(`the preStop of the master hands over without a lost write (${shell})`, async (t) => {
    const lab = await labFor(t, { shell })
    await lab.startAll()
    const former = await lab.healed()
    const writer = startWriter(lab.redis)
    t.teardown(writer.stop)
    await until('some writes', async () => writer.acknowledged() > 300 || undefined)
    await lab.streaming()
    const began = Date.now()
    t.match(await lab.script('redis-prestop.sh', former), { code: 0 })
    t.comment(`preStop took ${Date.now() - began} ms`)
    t.notOk((await lab.masters()).includes(former), 'it is a replica when preStop ends')
    await lab.kill('redis', former)
    await lab.start('redis', former)
    const master = await lab.healed()
    await writer.stop()
    t.not(master, former)
    await lab.level()
    for (const address of lab.redis) t.equal(await writer.lost(address), 0, `${address} has all ${writer.acknowledged()} writes`)
    t.comment(`longest gap ${writer.gap()} ms`)
  })
}

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

t.test('the preStop of the master follows nobody who only says that it is master', async (t) => {
  const lab = await labFor(t)
  await lab.startAll()
  const master = await lab.healed()
  const zombie = (master + 1) % 3
  await until('a write', () => ask(lab.redis[master] ?? '', REDIS_PORT, 'SET', 'key', 'value'))
  await lab.streaming()
  // one with old data that no sentinel knows as anything but a replica that is down
  for (const ordinal of [0, 1, 2]) await lab.pod('sentinel', ordinal).sandbox.cutFrom([lab.redis[zombie] ?? ''])
  await lab.kill('redis', zombie)
  await lab.start('redis', zombie)
  await until('a zombie', async () => await lab.command(lab.redis[zombie] ?? '', 'REPLICAOF', 'NO', 'ONE') === 'OK' || undefined)
  await ask(lab.redis[zombie] ?? '', REDIS_PORT, 'CONFIG', 'SET', 'min-replicas-to-write', 0)
  await ask(lab.redis[zombie] ?? '', REDIS_PORT, 'FLUSHALL')
  await lab.script('redis-prestop.sh', master)
  for (const ordinal of [0, 1, 2]) if (ordinal !== zombie) t.equal(await ask(lab.redis[ordinal] ?? '', REDIS_PORT, 'GET', 'key'), 'value', `redis ${ordinal}`)
  t.notMatch(await lab.log('redis', master), `handed over to ${lab.redis[zombie]}`)
})

t.test('two handovers of one master at the same time make one failover', async (t) => {
  const lab = await labFor(t)
  await lab.startAll()
  const former = await lab.healed()
  const writer = startWriter(lab.redis)
  t.teardown(writer.stop)
  await until('some writes', async () => writer.acknowledged() > 300 || undefined)
  await lab.streaming()
  await Promise.all([lab.script('redis-prestop.sh', former), lab.script('redis-prestop.sh', former)])
  const master = await lab.healed()
  await writer.stop()
  t.not(master, former)
  t.match(await sentinelMaster(lab.sentinels[0] ?? ''), { 'config-epoch': '1' })
  await lab.level()
  for (const address of lab.redis) t.equal(await writer.lost(address), 0)
})

t.test('a master without sentinels keeps its writes: preStop gives up', async (t) => {
  const lab = await labFor(t)
  await lab.startAll()
  const master = await lab.healed()
  for (const ordinal of [0, 1, 2]) await lab.kill('sentinel', ordinal)
  t.match(await lab.script('redis-prestop.sh', master), { code: 0 })
  t.match(await lab.log('redis', master), /no handover: no sentinel answers/)
  t.same(await lab.masters(), [master])
})
