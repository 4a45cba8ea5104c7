import { readdir, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { type Lab, labFor } from './lab.ts'
import { ask, info, REDIS_PORT, until } from './questions.ts'

t.setTimeout(600_000)

const running = (lab: Lab, ordinal: number) => until(`redis ${ordinal} runs`, async () => {
  const { loading, slave_priority: priority } = await info(lab.redis[ordinal] ?? '')
  return loading === '0' && priority !== undefined ? Number(priority) : undefined
})

/** Whole seconds tell ages apart. */
const aSecondLater = (from = Date.now()) => until('the clocks show another second', async () => Date.now() - from > 2500 || undefined)

t.test('a replica with old data whose file was repaired at a start is not promoted before one that has everything', async (t) => {
  const lab = await labFor(t)
  await lab.startAll()
  const master = await lab.healed()
  const [fresh = -1, old = -1] = [0, 1, 2].filter((ordinal) => ordinal !== master)
  const write = (key: string) => ask(lab.redis[master] ?? '', REDIS_PORT, 'SET', key, 'x')
  await until('a write', () => write('before'))
  await lab.streaming()
  await lab.level()
  await lab.durable()
  await lab.noted()
  await lab.kill('redis', old)
  // the loss of power has cut the tail of its file, which redis repairs at the next start
  const folder = join(lab.data('redis', old), 'appendonlydir')
  const file = join(folder, (await readdir(folder)).filter((name) => name.endsWith('.incr.aof')).toSorted().at(-1) ?? '')
  await truncate(file, (await stat(file)).size - 7)
  await aSecondLater()
  for (let i = 0; i < 500; i++) await write(`after:${i}`)
  await lab.level()
  await lab.durable()
  await Promise.all([['redis', master], ['redis', fresh], ['sentinel', 0], ['sentinel', 1], ['sentinel', 2]]
    .map(([kind, ordinal]) => lab.kill(kind as 'redis', ordinal as number)))
  await aSecondLater()
  await lab.startAll([['sentinel', 0], ['sentinel', 1], ['sentinel', 2], ['redis', old]])
  await running(lab, old)
  await lab.kill('redis', old)
  await lab.start('redis', old)
  const priorityOfOld = await running(lab, old)
  await lab.start('redis', fresh)
  t.ok(await running(lab, fresh) < priorityOfOld, 'sentinels prefer the lower number')
  await until('the fresh one is promoted', async () => String(await lab.masters()) === String(fresh) || undefined, 60)
  t.equal(await ask(lab.redis[fresh] ?? '', REDIS_PORT, 'DBSIZE'), 501)
})
