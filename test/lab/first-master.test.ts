// A start must not be the cause of a failover: sentinels that run before their master does.
import { spawn } from 'node:child_process'
import t, { type Test } from 'tap'
import { type Lab, labFor } from './lab.ts'
import type { Kind } from './pod.ts'
import { ask, REDIS_PORT, sentinelMaster, sleep, until } from './questions.ts'

t.setTimeout(600_000)

/** Longer than down-after, and than a sentinel needs for a failover. */
const LATE_MS = 4000
/** Longer than down-after, and well within the patience of a sentinel that starts. */
const RESTART_MS = 1500
const LOOPS = 8
const SENTINELS: readonly [Kind, number][] = [['sentinel', 0], ['sentinel', 1], ['sentinel', 2]]

/** Processors that are busy with something else, until the test ends. */
function busy (t: Test): void {
  const loops = Array.from({ length: LOOPS }, () => spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }))
  t.teardown(() => { for (const loop of loops) loop.kill('SIGKILL') })
}

async function withKey (lab: Lab): Promise<number> {
  await lab.startAll()
  const master = await lab.healed()
  await ask(lab.redis[master] ?? '', REDIS_PORT, 'SET', 'key', 'value')
  await lab.streaming()
  await lab.durable()
  return master
}

const configured = async (lab: Lab) => {
  const views = await Promise.all(lab.sentinels.map(sentinelMaster))
  return views.map((view) => view['down-after-milliseconds'])
}

for (const load of [false, true]) {
  const state = load ? 'a busy machine' : 'a machine at rest'
  t.test(`the first master is late: nobody takes its place (down-after 1 s, ${state})`, async (t) => {
    if (load) busy(t)
    const lab = await labFor(t, { downAfterMilliseconds: 1000 })
    await lab.startAll([...SENTINELS, ['redis', 1], ['redis', 2]])
    for (const [kind, ordinal] of SENTINELS) {
      await until('it says what it waits for', async () => (await lab.script('sentinel-ready.sh', ordinal, kind)).output.includes('does not answer yet') || undefined)
      t.match(await lab.script('sentinel-alive.sh', ordinal, kind), { code: 0 })
    }
    await sleep(LATE_MS)
    await lab.start('redis', 0)
    t.equal(await lab.healed(90), 0)
    t.equal(await lab.epoch(), '0', 'there was no failover')
    t.same(await configured(lab), ['1000', '1000', '1000'], 'readiness has set what the spec says')
  })

  t.test(`all start again, the master late: nobody takes its place (down-after 1 s, ${state})`, async (t) => {
    if (load) busy(t)
    const lab = await labFor(t, { downAfterMilliseconds: 1000 })
    const master = await withKey(lab)
    const epoch = await lab.epoch()
    for (const [kind, ordinal] of lab.everybody()) await lab.kill(kind, ordinal)
    await lab.startAll([...SENTINELS, ...[0, 1, 2].filter((one) => one !== master).map((one): [Kind, number] => ['redis', one])])
    await until('a sentinel answers', () => sentinelMaster(lab.sentinels[2] ?? ''))
    await sleep(RESTART_MS)
    await lab.start('redis', master)
    t.equal(await lab.healed(90), master)
    t.equal(await lab.epoch(), epoch, 'there was no failover')
    t.same(await configured(lab), ['1000', '1000', '1000'])
  })
}

t.test('a first master that does not come at all is replaced', async (t) => {
  const lab = await labFor(t, { downAfterMilliseconds: 1000 })
  await lab.startAll([...SENTINELS, ['redis', 1], ['redis', 2]])
  await until('another one is master', async () => (await lab.masters()).length === 1 || undefined, 90)
  await lab.start('redis', 0)
  t.not(await lab.healed(), 0)
})

t.test('sentinels that have lost their state, and whom nobody tells the last master, do not wait for ever for one that waits for them', async (t) => {
  const lab = await labFor(t)
  await withKey(lab)
  for (const [kind, ordinal] of lab.everybody()) await lab.kill(kind, ordinal)
  for (const [kind, ordinal] of SENTINELS) await lab.wipe(kind, ordinal)
  await lab.startAll()
  const master = await lab.healed(90)
  t.equal(await ask(lab.redis[master] ?? '', REDIS_PORT, 'GET', 'key'), 'value')
})
