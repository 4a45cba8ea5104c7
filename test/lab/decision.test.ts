import t, { type Test } from 'tap'
import { type Lab, labFor } from './lab.ts'
import { ask, info, REDIS_PORT, until } from './questions.ts'

t.setTimeout(600_000)

/** A cluster with one key, which is on every disk, its master and the others. */
async function withKey (t: Test): Promise<[Lab, master: number, one: number, other: number]> {
  const lab = await labFor(t)
  await lab.startAll()
  const master = await lab.healed()
  await ask(lab.redis[master] ?? '', REDIS_PORT, 'SET', 'key', 'value')
  await lab.streaming()
  await lab.durable()
  return [lab, master, (master + 1) % 3, (master + 2) % 3]
}

t.test('a person decides when every redis waits and nobody can know who has the newest data', async (t) => {
  const [lab, last, one, other] = await withKey(t)
  for (const [kind, ordinal] of lab.everybody()) await lab.kill(kind, ordinal)
  // the last master and all sentinels never return
  await lab.configure({ lastMaster: lab.redis[last] })
  await lab.startAll([['redis', one], ['redis', other]])
  for (const ordinal of [one, other]) {
    await until(`redis ${ordinal} waits and says so`, async () => (await lab.script('redis-ready.sh', ordinal)).output.startsWith('waiting: ') || undefined)
  }
  t.match(await lab.script('redis-serve.sh', one), { code: 0, output: /starts as master/ })
  await until('it is master', async () => String(await lab.masters()) === String(one) || undefined)
  t.equal(await ask(lab.redis[one] ?? '', REDIS_PORT, 'GET', 'key'), 'value')
  t.match(await lab.log('redis', one), /a person has decided/)
  t.match(await lab.script('redis-serve.sh', one), { code: 1 }, 'there is nothing to decide any more')
})

t.test('a restarted replica tells the sentinels how old its data is until it is synchronized', async (t) => {
  const [lab, last, one, other] = await withKey(t)
  const priority = async (ordinal: number) => Number((await info(lab.redis[ordinal] ?? ''))['slave_priority'])
  t.equal(await priority(one), 100, 'at the first bootstrap all are equal')
  await lab.configure({ lastMaster: lab.redis[last] })
  await lab.noted()
  for (const ordinal of [0, 1, 2]) await lab.kill('redis', ordinal)
  await lab.wipe('redis', other)
  await lab.startAll([['redis', one], ['redis', other]])
  const tolds = await Promise.all([one, other].map((ordinal) => until('it answers', () => priority(ordinal))))
  // seconds since 2020, above all numbers of those that do not know
  const age = Date.now() / 1000 - Date.UTC(2020) / 1000 - (2_147_483_647 - 300_000_000 - (tolds[0] ?? 0))
  t.ok(age >= 0 && age < 120, `written ${age} s ago`)
  t.equal(tolds[1], 0, 'one without data is never promoted')
  await lab.start('redis', last)
  await lab.healed()
  await lab.durable()
  for (const ordinal of [one, other]) {
    const { role } = await info(lab.redis[ordinal] ?? '')
    if (role !== 'slave') continue
    t.match(await lab.script('redis-ready.sh', ordinal), { code: 0 })
    t.equal(await priority(ordinal), 100)
  }
})

t.test('a replica that was synchronized just before the master died tells by its offset, not by the age of its data', async (t) => {
  const [lab, last, one] = await withKey(t)
  const { slave_repl_offset: before } = await info(lab.redis[one] ?? '')
  await lab.kill('redis', one)
  await lab.start('redis', one)
  await until('it is synchronized', async () => Number((await info(lab.redis[one] ?? ''))['slave_repl_offset']) >= Number(before) || undefined)
  t.not((await info(lab.redis[one] ?? ''))['slave_priority'], '100', 'nobody has looked yet')
  await lab.kill('redis', last)
  await until('the link is down', async () => (await info(lab.redis[one] ?? ''))['master_link_status'] === 'down' || undefined)
  await lab.script('redis-ready.sh', one)
  t.match(await info(lab.redis[one] ?? ''), { slave_priority: '100' })
})

t.test('a redis goes on under the new address of its Service', async (t) => {
  const lab = await labFor(t)
  await lab.startAll()
  const master = await lab.healed()
  const one = (master + 1) % 3
  const moved = lab.network.address(199)
  await lab.pod('redis', one).announceAt(moved)
  await lab.configure({ redis: lab.redis.with(one, moved) })
  await lab.script('redis-ready.sh', one)
  await until('the master knows the new address', async () =>
    JSON.stringify(await info(lab.redis[master] ?? '')).includes(`ip=${moved},`) || undefined)
})
