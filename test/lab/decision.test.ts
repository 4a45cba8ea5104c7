import t, { type Test } from 'tap'
import { type Lab, labFor } from './lab.ts'
import { ask, info, REDIS_PORT, until } from './questions.ts'

t.setTimeout(180_000)

/** A cluster with one key, which is on every disk. */
async function withKey (t: Test): Promise<Lab> {
  const lab = await labFor(t)
  await lab.startAll()
  await lab.healed()
  await ask(lab.redis[0] ?? '', REDIS_PORT, 'SET', 'key', 'value')
  await lab.streaming()
  await lab.durable()
  return lab
}

t.test('a person decides when every redis waits and nobody can know who has the newest data', async (t) => {
  const lab = await withKey(t)
  for (const [kind, ordinal] of lab.everybody()) await lab.kill(kind, ordinal)
  // the last master and all sentinels never return
  await lab.configure({ lastMaster: lab.redis[0] })
  await lab.startAll([['redis', 1], ['redis', 2]])
  for (const ordinal of [1, 2]) {
    await until(`redis ${ordinal} waits and says so`, async () => (await lab.script('redis-ready.sh', ordinal)).output.startsWith('waiting: ') || undefined)
  }
  t.match(await lab.script('redis-serve.sh', 1), { code: 0, output: /starts as master/ })
  await until('redis 1 is master', async () => String(await lab.masters()) === '1' || undefined)
  t.equal(await ask(lab.redis[1] ?? '', REDIS_PORT, 'GET', 'key'), 'value')
  t.match(await lab.log('redis', 1), /a person has decided/)
  t.match(await lab.script('redis-serve.sh', 1), { code: 1 }, 'there is nothing to decide any more')
})

t.test('a restarted replica tells the sentinels how old its data is until it is synchronized', async (t) => {
  const lab = await withKey(t)
  const priority = async (ordinal: number) => Number((await info(lab.redis[ordinal] ?? ''))['slave_priority'])
  t.equal(await priority(1), 100, 'at the first bootstrap all are equal')
  await lab.configure({ lastMaster: lab.redis[0] })
  await lab.noted()
  for (const ordinal of [0, 1, 2]) await lab.kill('redis', ordinal)
  await lab.wipe('redis', 2)
  await lab.startAll([['redis', 1], ['redis', 2]])
  const tolds = await Promise.all([1, 2].map((ordinal) => until('it answers', () => priority(ordinal))))
  // seconds since 2020, above all numbers of those that do not know
  const age = Date.now() / 1000 - Date.UTC(2020) / 1000 - (2_147_483_647 - 300_000_000 - (tolds[0] ?? 0))
  t.ok(age >= 0 && age < 120, `written ${age} s ago`)
  t.equal(tolds[1], 0, 'one without data is never promoted')
  await lab.start('redis', 0)
  await lab.healed()
  await lab.durable()
  for (const ordinal of [1, 2]) {
    const { role } = await info(lab.redis[ordinal] ?? '')
    if (role !== 'slave') continue
    t.match(await lab.script('redis-ready.sh', ordinal), { code: 0 })
    t.equal(await priority(ordinal), 100)
  }
})

t.test('a replica that was synchronized just before the master died tells by its offset, not by the age of its data', async (t) => {
  const lab = await withKey(t)
  const { slave_repl_offset: before } = await info(lab.redis[1] ?? '')
  await lab.kill('redis', 1)
  await lab.start('redis', 1)
  await until('it is synchronized', async () => Number((await info(lab.redis[1] ?? ''))['slave_repl_offset']) >= Number(before) || undefined)
  t.not((await info(lab.redis[1] ?? ''))['slave_priority'], '100', 'nobody has looked yet')
  await lab.kill('redis', 0)
  await until('the link is down', async () => (await info(lab.redis[1] ?? ''))['master_link_status'] === 'down' || undefined)
  await lab.script('redis-ready.sh', 1)
  t.match(await info(lab.redis[1] ?? ''), { slave_priority: '100' })
})

t.test('a redis goes on under the new address of its Service', async (t) => {
  const lab = await labFor(t)
  await lab.startAll()
  await lab.healed()
  const moved = lab.network.address(199)
  await lab.pod('redis', 1).announceAt(moved)
  await lab.configure({ redis: lab.redis.with(1, moved) })
  await lab.script('redis-ready.sh', 1)
  await until('the master knows the new address', async () =>
    JSON.stringify(await info(lab.redis[0] ?? '')).includes(`ip=${moved},`) || undefined)
})
