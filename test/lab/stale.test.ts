// A replica that is out of the stream of a master that goes on: nobody promotes it, and the master that comes back serves at once.
import t, { type Test } from 'tap'
import { clusterUnderProbe } from './control-plane.ts'
import { ask, info, REDIS_PORT, until } from './questions.ts'
import { startWriter } from './writer.ts'

t.setTimeout(600_000)

/** Two redis, of which one can be cut off from its master, which is written to. */
async function pair (t: Test) {
  const { lab, plane, master } = await clusterUnderProbe(t, { redisReplicas: 2 })
  const [former, stale] = [lab.pod('redis', master), lab.pod('redis', 1 - master)]
  const priority = async () => (await info(stale.address()))['slave_priority']
  const writer = startWriter([former.address()])
  t.teardown(writer.stop)
  await until('the usual priority', async () => await priority() === '100' || undefined)
  // what is dropped closes no connection: until then it takes itself for linked
  await ask(stale.address(), REDIS_PORT, 'CONFIG', 'SET', 'repl-timeout', '3600')

  async function goesOn (): Promise<void> {
    const before = writer.acknowledged()
    await until('the master goes on', async () => writer.acknowledged() > before + 100 || undefined)
  }

  async function nobodySucceeds (): Promise<void> {
    await until('the sentinels find nobody to promote', async () =>
      (await Promise.all(lab.sentinels.map((_, n) => lab.log('sentinel', n)))).some((log) => log.includes('-failover-abort-no-good-slave')) || undefined)
    t.strictSame(await lab.masters(), [], 'nobody is promoted')
  }

  async function nothingIsLost (): Promise<void> {
    await lab.start('redis', master)
    await until('it serves again', async () => String(await lab.masters()) === String(master) || undefined)
    await plane.probe.looks(3)
    t.equal(await priority(), '0', 'what it has counts in the history before the restart')
    await stale.sandbox.restore()
    await until('the replica is in the stream and may succeed', async () => await priority() === '100' || undefined)
    t.equal(await plane.healed(), master)
    await writer.stop()
    t.equal(await writer.lost(former.address()), 0)
  }

  return {
    lab,
    plane,
    writer,
    master,
    stale,
    priority,
    goesOn,
    nobodySucceeds,
    nothingIsLost,
    cut: () => stale.sandbox.cutFrom([former.ip(), former.address()]),
    excluded: () => until('it is excluded', async () => await priority() === '0' || undefined),
  }
}

t.test('a replica that gets nothing does not succeed the master that goes on, though its link is up', async (t) => {
  const { lab, master, stale, cut, excluded, goesOn, nobodySucceeds, nothingIsLost } = await pair(t)
  await cut()
  await excluded()
  t.equal((await info(stale.address()))['master_link_status'], 'up')
  t.match(await stale.script('redis-ready.sh'), { code: 0 })
  t.equal((await info(stale.address()))['slave_priority'], '0', 'its readiness knows that it gets nothing')
  await goesOn()
  await lab.kill('redis', master)
  await nobodySucceeds()
  await nothingIsLost()
})

t.test('nor when it restarts meanwhile', async (t) => {
  const { lab, plane, master, stale, cut, excluded, goesOn, nobodySucceeds, nothingIsLost } = await pair(t)
  await cut()
  await excluded()
  await goesOn()
  await stale.kill()
  await stale.start()
  await until('it answers', () => info(stale.address()).catch(() => undefined))
  await plane.probe.looks(2)
  await lab.kill('redis', master)
  await nobodySucceeds()
  await nothingIsLost()
})

t.test('one that is in the stream again may succeed as soon as the probe has seen it, also by the sentinels alone', async (t) => {
  const { lab, plane, master, writer, stale, cut, excluded, goesOn } = await pair(t)
  await cut()
  await excluded()
  await goesOn()
  await stale.sandbox.restore()
  await until('it has what the master has', async () => (await info(stale.address()))['master_link_status'] === 'up' || undefined)
  await lab.level()
  await plane.probe.looks(2)
  await plane.probe.kill()
  await lab.kill('redis', master)
  await until('it is promoted', async () => String(await lab.masters()) === String(stale.ordinal) || undefined)
  await writer.stop()
  t.equal(await writer.lost(stale.address()), 0)
})
