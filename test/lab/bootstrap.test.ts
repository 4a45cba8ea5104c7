import t from 'tap'
import { labFor, type Shell } from './lab.ts'
import { sentinelMaster, until } from './questions.ts'

t.setTimeout(600_000)

const shells: readonly Shell[] = ['dash', 'busybox sh']

for (const shell of shells) {
  t.test(`the first bootstrap gives one master that everybody follows and knows (${shell})`, async (t) => {
    const lab = await labFor(t, { shell })
    await lab.startAll()
    const master = await lab.healed()
    const replica = (master + 1) % 3
    t.same(await lab.masters(), [master])
    await lab.durable()
    for (const ordinal of [0, 1, 2]) {
      t.match(await lab.script('redis-ready.sh', ordinal), { code: 0 }, `redis ${ordinal} is ready`)
      t.match(await lab.script('redis-alive.sh', ordinal), { code: 0 }, `redis ${ordinal} is alive`)
      t.match(await lab.script('sentinel-ready.sh', ordinal, 'sentinel'), { code: 0 }, `sentinel ${ordinal} is ready`)
      t.match(await lab.script('sentinel-alive.sh', ordinal, 'sentinel'), { code: 0 }, `sentinel ${ordinal} is alive`)
    }
    await lab.kill('redis', master)
    t.match(await lab.script('redis-ready.sh', master), { code: 1, output: 'redis does not answer' })
    t.match(await lab.script('redis-alive.sh', master), { code: 1 }, 'a dead redis is not alive')
    t.match(await lab.script('redis-ready.sh', replica), { code: 0 }, 'a replica that was synchronized stays ready without its master')
  })

  t.test(`a pod that cannot know its role waits, says why, and is alive (${shell})`, async (t) => {
    const lab = await labFor(t, { shell })
    await lab.configure({ lastMaster: lab.redis[0] })
    await lab.start('redis', 0)
    const answer = await until('the reason', async () => {
      const ready = await lab.script('redis-ready.sh', 0)
      return /^waiting: (?!starts)/.test(ready.output) ? ready : undefined
    })
    t.match(answer, { code: 1, output: /^waiting: 0 of 3 sentinels answer/ })
    t.match(await lab.script('redis-alive.sh', 0), { code: 0 })
    t.match(await lab.log('redis', 0), /waiting: 0 of 3 sentinels/, 'the log says it as well')
    await lab.startAll(lab.everybody().filter(([kind, ordinal]) => kind === 'sentinel' || ordinal > 0))
    await lab.healed()
    t.match(await lab.log('redis', 0), /starts as/, 'it goes on when the sentinels are there')
    await lab.durable()
    t.match(await lab.script('redis-ready.sh', 0), { code: 0 })
  })
}

t.test('a replica that never had its data is not ready', async (t) => {
  const lab = await labFor(t)
  await lab.start('redis', 1)
  const answer = await until('redis answers', async () => {
    const ready = await lab.script('redis-ready.sh', 1)
    return ready.output.startsWith('not yet') ? ready : undefined
  })
  t.match(answer, { code: 1, output: `not yet synchronized with the master ${lab.redis[0]}` })
})

t.test('a pod whose ordinal has no address yet waits for it', async (t) => {
  const lab = await labFor(t)
  await lab.configure({ redis: lab.redis.slice(0, 2) })
  await lab.start('redis', 2)
  await until('the reason', async () => (await lab.log('redis', 2)).includes('no address for ordinal 2') || undefined)
  await lab.configure({ redis: lab.redis })
  await until('it starts', async () => (await lab.log('redis', 2)).includes(`starts as replica ${lab.redis[0]}`) || undefined)
})

t.test('a master that dies right after the first bootstrap is replaced', async (t) => {
  const lab = await labFor(t, { downAfterMilliseconds: 1000 })
  await lab.startAll()
  const first = await lab.healed()
  await lab.kill('redis', first)
  const [master = first] = await until('a replica is master', async () => {
    const masters = await lab.masters()
    return masters.length === 1 ? masters : undefined
  })
  t.not(master, first)
  await until('all sentinels name it', async () => {
    const views = await Promise.all(lab.sentinels.map(sentinelMaster))
    return views.every((view) => view['ip'] === lab.redis[master]) || undefined
  })
})

t.test('a cluster of one redis starts as master, and again with its data', async (t) => {
  const lab = await labFor(t, { redisReplicas: 1 })
  await lab.startAll()
  t.equal(await lab.healed(), 0)
  await lab.kill('redis', 0)
  await lab.start('redis', 0)
  t.equal(await lab.healed(), 0)
})
