import t from 'tap'
import { labFor, type Shell } from './lab.ts'
import { ask, info, MASTER_NAME, REDIS_PORT, SENTINEL_PORT, sentinelMaster, sleep, until } from './questions.ts'
import { startWriter } from './writer.ts'

t.setTimeout(600_000)

// The kubelet starts a killed container again long before the sentinels notice (five seconds), or long after (two seconds).
const FAST = { restart: 300, downAfterMilliseconds: 5000 }
const SLOW = { restart: 5000, downAfterMilliseconds: 2000 }

interface Case {
  readonly name: string
  readonly persistent: boolean
  readonly wiped?: boolean
  readonly shell?: Shell
  readonly slow?: boolean
}

const cases: readonly Case[] = [
  { name: 'with its data', persistent: true },
  { name: 'with its data, in busybox sh', persistent: true, shell: 'busybox sh' },
  { name: 'without persistence', persistent: false },
  { name: 'with its volume wiped', persistent: true, wiped: true },
  { name: 'late with its data', persistent: true, slow: true },
  { name: 'late without persistence', persistent: false, slow: true },
  { name: 'late with its volume wiped', persistent: true, wiped: true, slow: true },
]

for (const { name, persistent, wiped = false, shell = 'dash', slow = false } of cases) {
  const { restart, downAfterMilliseconds } = slow ? SLOW : FAST
  t.test(`a master that is killed and restarted ${name} never resumes as master, and no write is lost`, async (t) => {
    const lab = await labFor(t, { shell, persistent, downAfterMilliseconds })
    await lab.startAll()
    const former = await lab.healed()
    const writer = startWriter(lab.redis)
    t.teardown(writer.stop)
    await until('some writes', async () => writer.acknowledged() > 300 || undefined)
    await lab.streaming()
    await lab.kill('redis', former)
    if (wiped) await lab.wipe('redis', former)
    await sleep(restart)
    await lab.start('redis', former)
    const master = await lab.healed()
    await writer.stop()
    t.not(master, former)
    t.equal((await lab.log('redis', former)).match(/starts as master/g)?.length, 1, 'it was master at the first bootstrap only')
    await lab.level()
    for (const address of lab.redis) t.equal(await writer.lost(address), 0, `${address} has all ${writer.acknowledged()} writes`)
    t.comment(`longest gap ${writer.gap()} ms`)
  })
}

t.test('a replica that is killed and restarted follows the same master', async (t) => {
  const lab = await labFor(t)
  await lab.startAll()
  const master = await lab.healed()
  const replica = (master + 1) % 3
  const writer = startWriter(lab.redis)
  t.teardown(writer.stop)
  await until('some writes', async () => writer.acknowledged() > 300 || undefined)
  await lab.streaming()
  await lab.kill('redis', replica)
  await sleep(FAST.restart)
  await lab.start('redis', replica)
  t.equal(await lab.healed(), master)
  await writer.stop()
  await lab.level()
  for (const address of lab.redis) t.equal(await writer.lost(address), 0)
})

for (const known of [true, false]) {
  t.test(`an empty pod that is named master waits for the data of a pod that does not answer (last master ${known ? 'known' : 'not known yet'})`, async (t) => {
    const lab = await labFor(t)
    await lab.startAll()
    const former = await lab.healed()
    const writer = startWriter(lab.redis)
    t.teardown(writer.stop)
    await until('some writes', async () => writer.acknowledged() > 300 || undefined)
    await lab.streaming()
    await writer.stop()
    await lab.level()
    await lab.durable()
    if (known) await lab.configure({ lastMaster: lab.redis[former] })
    for (const ordinal of [0, 1, 2]) await lab.kill('redis', ordinal)
    await lab.wipe('redis', former)
    await lab.start('redis', former)
    const why = known ? 'has no data, but those that do not answer may have it' : 'not the first bootstrap'
    await until('it says why', async () => (await lab.log('redis', former)).includes(why) || undefined)
    await lab.startAll([0, 1, 2].filter((ordinal) => ordinal !== former).map((ordinal) => ['redis', ordinal]))
    t.not(await lab.healed(), former)
    await lab.level()
    for (const address of lab.redis) t.equal(await writer.lost(address), 0)
  })
}

t.test('a master that dies before the first append only file of its copy is written does not come back with the former one', async (t) => {
  const lab = await labFor(t, { redisReplicas: 2 })
  await lab.startAll()
  const master = await lab.healed()
  const copy = 1 - master
  const [first = '', second = ''] = [lab.redis[master], lab.redis[copy]]
  await ask(first, REDIS_PORT, 'SET', 'old', 'x')
  await lab.streaming()
  await lab.durable()
  await lab.kill('redis', copy)
  await ask(first, REDIS_PORT, 'SET', 'new', 'x')
  // as with much data: microseconds for each key that is written to a file
  await lab.pod('redis', copy).addSetting('rdb-key-save-delay 20000000')
  await lab.start('redis', copy)
  await until('it is copied', async () => (await info(second))['master_link_status'] === 'up' || undefined)
  t.match(await lab.script('redis-ready.sh', copy), { code: 1, output: 'synchronized, and writes its first append only file' }, 'a rolling update waits for it')
  const [sentinel = ''] = lab.sentinels
  await until('a failover', async () => await ask(sentinel, SENTINEL_PORT, 'SENTINEL', 'FAILOVER', MASTER_NAME) === 'OK' || undefined)
  await until('the sentinels name it', async () => (await Promise.all(lab.sentinels.map(sentinelMaster))).every(({ ip }) => ip === second) || undefined)
  await lab.kill('redis', master)
  await lab.start('redis', master)
  await lab.kill('redis', copy)
  await lab.start('redis', copy)
  await until('one of them serves', async () => (await lab.masters()).length > 0 || undefined, 90)
  const [serving = -1] = await lab.masters()
  t.equal(await ask(lab.redis[serving] ?? '', REDIS_PORT, 'GET', 'new'), 'x')
  t.match(await lab.log('redis', copy), /the data is at|starts as replica/)
})

t.test('without sentinels a restarted replica does not choose between two masters', async (t) => {
  const lab = await labFor(t)
  await lab.startAll()
  const master = await lab.healed()
  const [one, other] = [(master + 1) % 3, (master + 2) % 3]
  for (const ordinal of [0, 1, 2]) await lab.kill('sentinel', ordinal)
  await lab.kill('redis', other)
  await lab.command(lab.redis[one] ?? '', 'REPLICAOF', 'NO', 'ONE')
  await until('nobody follows the master', async () => (await info(lab.redis[master] ?? ''))['connected_slaves'] === '0' || undefined)
  await lab.start('redis', other)
  await until('it waits', async () => (await lab.script('redis-ready.sh', other)).output.startsWith('waiting: ') || undefined)
  await lab.startAll([['sentinel', 0], ['sentinel', 1], ['sentinel', 2]])
  t.equal(await lab.healed(), master, 'the sentinels say whom to follow, and demote the other')
})

t.test('a replica starts while half of the others are out of reach without a word', async (t) => {
  const lab = await labFor(t)
  await lab.startAll()
  const master = await lab.healed()
  const [one, other] = [(master + 1) % 3, (master + 2) % 3]
  await lab.kill('redis', other)
  for (const [kind, ordinal] of [['redis', one], ['sentinel', 0]] as const) await lab.pod(kind, ordinal).sandbox.cutOff()
  const from = Date.now()
  await lab.start('redis', other)
  await until('it is linked', async () => (await info(lab.redis[other] ?? ''))['master_link_status'] === 'up' || undefined)
  t.comment(`linked after ${Date.now() - from} ms; each of the two takes a second when they are asked in turn`)
  t.same(await lab.masters(), [master])
  for (const [kind, ordinal] of [['redis', one], ['sentinel', 0]] as const) await lab.pod(kind, ordinal).sandbox.restore()
  t.equal(await lab.healed(), master)
})
