import t, { type Test } from 'tap'
import { type Lab, labFor } from './lab.ts'
import { ask, REDIS_PORT, sentinelMaster, SENTINEL_PORT, until } from './questions.ts'
import { shuffled } from './random.ts'
import { startWriter, type Writer } from './writer.ts'

t.setTimeout(600_000)

interface Loaded {
  readonly lab: Lab
  /** Not ordinal 0, which every guess without knowledge names. */
  readonly master: number
  readonly writer: Writer
}

/** A cluster with data whose master has moved away from ordinal 0. */
async function loaded (t: Test): Promise<Loaded> {
  const lab = await labFor(t)
  await lab.startAll()
  const first = await lab.healed()
  const writer = startWriter(lab.redis)
  t.teardown(writer.stop)
  await until('some writes', async () => writer.acknowledged() > 300 || undefined)
  await lab.streaming()
  await writer.pause()
  await lab.level()
  await lab.failover()
  await until('another master', async () => (await lab.masters()).some((ordinal) => ordinal !== first) || undefined)
  const master = await lab.healed()
  writer.resume()
  return { lab, master, writer }
}

async function more (writer: Writer): Promise<void> {
  const enough = writer.acknowledged() + 300
  await until('more writes', async () => writer.acknowledged() > enough || undefined)
}

async function killAll (lab: Lab): Promise<void> {
  await lab.level()
  await lab.durable()
  await Promise.all(lab.everybody().map(([kind, ordinal]) => lab.kill(kind, ordinal)))
}

async function allIsThere (t: Test, { lab, writer }: Loaded): Promise<void> {
  await lab.level()
  for (const address of lab.redis) t.equal(await writer.lost(address), 0, `${address} has all ${writer.acknowledged()} writes`)
}

t.test('everything that is killed and restarted in any order has the same master and data', async (t) => {
  const all = await loaded(t)
  const { lab, writer, master } = all
  await more(writer)
  await writer.stop()
  await killAll(lab)
  const order = shuffled(lab.everybody(), Math.random)
  t.comment(order.join(' '))
  await lab.startAll(order)
  t.equal(await lab.healed(), master)
  await allIsThere(t, all)
})

t.test('sentinels that lost their state find the living master', async (t) => {
  const all = await loaded(t)
  const { lab, writer, master } = all
  await writer.stop()
  for (const ordinal of [0, 1, 2]) {
    await lab.kill('sentinel', ordinal)
    await lab.wipe('sentinel', ordinal)
  }
  await lab.startAll([['sentinel', 0], ['sentinel', 1], ['sentinel', 2]])
  t.equal(await lab.healed(), master)
  await allIsThere(t, all)
})

t.test('one sentinel that lost its state asks the others', async (t) => {
  const { lab, master } = await loaded(t)
  await lab.kill('sentinel', 1)
  await lab.wipe('sentinel', 1)
  await lab.start('sentinel', 1)
  t.equal(await lab.healed(), master)
  t.match(await lab.log('sentinel', 1), /sentinel \S+ names it in epoch 1/)
})

t.test('after the loss of power and of all sentinel state the last master has the newest data', async (t) => {
  const all = await loaded(t)
  const { lab, writer, master } = all
  await lab.kill('redis', 0)
  await more(writer)
  await writer.stop()
  await lab.configure({ lastMaster: lab.redis[master] })
  await killAll(lab)
  for (const ordinal of [0, 1, 2]) await lab.wipe('sentinel', ordinal)
  await lab.startAll(shuffled(lab.everybody(), Math.random))
  t.equal(await lab.healed(), master)
  await allIsThere(t, all)
})

t.test('after the loss of power the last master wins over a replica with old data when the third never returns', async (t) => {
  const { lab, writer, master } = await loaded(t)
  const old = [0, 1, 2].find((ordinal) => ordinal !== master) ?? -1
  await lab.kill('redis', old)
  await more(writer)
  await writer.stop()
  await killAll(lab)
  await lab.startAll([['redis', old], ['sentinel', 0], ['sentinel', 1], ['sentinel', 2], ['redis', master]])
  await until('both are there', async () => await lab.script('redis-ready.sh', old).then(({ code }) => code === 0 || undefined))
  t.same(await lab.masters(), [master])
  await lab.level()
  for (const ordinal of [old, master]) t.equal(await writer.lost(lab.redis[ordinal] ?? ''), 0)
})

t.test('after the loss of power the rest goes on when the master never returns', async (t) => {
  const { lab, writer, master } = await loaded(t)
  await writer.stop()
  await killAll(lab)
  await lab.startAll(lab.everybody().filter(([kind, ordinal]) => kind === 'sentinel' || ordinal !== master))
  const [next = -1] = await until('another master', async () => {
    const masters = await lab.masters()
    return masters.length === 1 ? masters : undefined
  })
  t.not(next, master)
  t.equal(await writer.lost(lab.redis[next] ?? ''), 0)
})

t.test('a changed quorum and time take effect when a sentinel restarts, and its state stays', async (t) => {
  const { lab, master } = await loaded(t)
  const sentinel = lab.sentinels[1] ?? ''
  const id = await ask(sentinel, SENTINEL_PORT, 'SENTINEL', 'MYID')
  await lab.configure({ spec: { quorum: 3, downAfterMilliseconds: 7000, failoverTimeout: 8000 } })
  await lab.kill('sentinel', 1)
  await lab.start('sentinel', 1)
  t.match(await until('it answers', () => sentinelMaster(sentinel)), {
    ip: lab.redis[master],
    quorum: '3',
    'down-after-milliseconds': '7000',
    'failover-timeout': '8000',
    'config-epoch': '1',
    'num-slaves': '2',
    'num-other-sentinels': '2',
  })
  t.equal(await ask(sentinel, SENTINEL_PORT, 'SENTINEL', 'MYID'), id)
  t.equal(await lab.healed(), master)
})

t.test('a master that was moved to a new address is found by its ordinal', async (t) => {
  const { lab, writer, master } = await loaded(t)
  await writer.stop()
  await killAll(lab)
  const moved = lab.redis.toSpliced(master, 1, '10.9.9.9')
  await lab.configure({ redis: moved })
  await lab.start('sentinel', 2)
  t.match(await until('it answers', () => sentinelMaster(lab.sentinels[2] ?? '')), { ip: '10.9.9.9', port: String(REDIS_PORT) })
})
