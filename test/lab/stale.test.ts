// A replica that is out of the stream of a master that goes on: nobody promotes it, and the master that comes back serves at once.
import t from 'tap'
import { startControlPlane } from './control-plane.ts'
import { labFor } from './lab.ts'
import { info, until } from './questions.ts'
import { startWriter } from './writer.ts'

t.setTimeout(180_000)

t.test('a replica that has lost its link does not succeed the master that goes on, and nothing is lost', async (t) => {
  const lab = await labFor(t, { redisReplicas: 2 })
  const plane = await startControlPlane(lab)
  t.teardown(plane.close)
  await plane.probe.start()
  await plane.startAll()
  const master = await plane.healed()
  const [former, stale] = [lab.pod('redis', master), lab.pod('redis', 1 - master)]
  const priority = async () => (await info(stale.address()))['slave_priority']
  const writer = startWriter([former.address()])
  t.teardown(writer.stop)
  await until('the usual priority', async () => await priority() === '100' || undefined)
  await stale.sandbox.cutFrom([former.ip(), former.address()])
  await until('it is excluded', async () => await priority() === '0' || undefined)
  const before = writer.acknowledged()
  await until('the master goes on', async () => writer.acknowledged() > before + 100 || undefined)

  await lab.kill('redis', master)
  await until('the sentinels find nobody to promote', async () =>
    (await Promise.all(lab.sentinels.map((_, n) => lab.log('sentinel', n)))).some((log) => log.includes('-failover-abort-no-good-slave')) || undefined)
  t.strictSame(await lab.masters(), [], 'nobody is promoted')
  await lab.start('redis', master)
  await until('it serves again', async () => String(await lab.masters()) === String(master) || undefined)
  await stale.sandbox.restore()
  await until('the replica is in the stream and may succeed', async () => await priority() === '100' || undefined)
  t.equal(await plane.healed(), master)
  await writer.stop()
  t.equal(await writer.lost(former.address()), 0)
})
