// A script on the master that does not end: the probe ends it before the sentinels fail over because of it.
import t from 'tap'
import { clusterUnderProbe } from './control-plane.ts'
import { connection, REDIS_PORT, until } from './questions.ts'
import { startWriter } from './writer.ts'

t.setTimeout(600_000)

t.test('a script that does not end is ended, also when the master answers nothing else any more, and nobody fails over', async (t) => {
  const { lab, plane, master } = await clusterUnderProbe(t)
  const writer = startWriter(lab.redis, { find: plane.throughService })
  t.teardown(writer.stop)
  await until('some writes', async () => writer.acknowledged() > 30 || undefined)
  await lab.streaming()
  const client = connection(lab.redis[master] ?? '', REDIS_PORT, { commandTimeout: 60_000 })
  await client.connect()
  t.teardown(() => client.disconnect())
  t.match(await client.eval('while true do end', 0).catch(String), /Script killed by user/)
  const acknowledged = writer.acknowledged()
  await until('writes go on', async () => writer.acknowledged() > acknowledged + 30 || undefined)
  await writer.stop()
  t.equal(await plane.healed(), master)
  t.equal(await writer.lost(lab.redis[master] ?? ''), 0)
  t.match(await plane.probe.log(), /"command":"unblock","msg":"command carried out"/)
})
