import { setImmediate as tick } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { backoffMs, createQueue } from '../../src/embedded/queue.ts'
import type { Outcome, Timers } from '../../src/embedded/queue.ts'

/** A clock that stands still until it is told to go on. */
function fakeTimers (): Timers & { advance: (ms: number) => Promise<void>, pending: () => number[] } {
  let time = 0
  let timers: { at: number, callback: () => void }[] = []
  return {
    now: () => time,
    after: (ms, callback) => {
      const timer = { at: time + ms, callback }
      timers.push(timer)
      return () => { timers = timers.filter((other) => other !== timer) }
    },
    pending: () => timers.map(({ at }) => at - time),
    advance: async (ms) => {
      time += ms
      const due = timers.filter(({ at }) => at <= time)
      timers = timers.filter(({ at }) => at > time)
      for (const { callback } of due) callback()
      await tick()
    },
  }
}

await t.test('a failing key waits 5 ms, 10 ms, 20 ms and never more than 1000 s', (t) => {
  t.strictSame([0, 1, 2, 17, 18, 40].map(backoffMs), [5, 10, 20, 655_360, 1_000_000, 1_000_000])
  t.end()
})

await t.test('a key added while it runs is run once more, however often it was added', async (t) => {
  const release: (() => void)[] = []
  const run = (): Promise<Outcome> => new Promise((resolve) => release.push(() => resolve({ type: 'done' })))
  const queue = createQueue({ workers: 5, timers: fakeTimers(), run })
  for (let i = 0; i < 4; i++) queue.add('a')
  t.equal(release.length, 1)
  release[0]?.()
  await tick()
  t.equal(release.length, 2)
  release[1]?.()
  await tick()
  t.equal(release.length, 2)
})

await t.test('the backoff grows with each failure, stays as it is on a 429 and starts anew after a success', async (t) => {
  const timers = fakeTimers()
  const outcomes: Outcome[] = [{ type: 'retry' }, { type: 'retry' }, { type: 'after', ms: 3000 }, { type: 'retry' }, { type: 'done' }, { type: 'retry' }]
  const queue = createQueue({ workers: 1, timers, run: async () => outcomes.shift() ?? { type: 'done' } })
  const waits: number[] = []
  queue.add('a')
  for (let i = 0; i < 5; i++) {
    await tick()
    const [wait] = timers.pending()
    if (wait === undefined) queue.add('a')
    else {
      waits.push(wait)
      await timers.advance(wait)
    }
  }
  await tick()
  t.strictSame([...waits, ...timers.pending()], [5, 10, 3000, 20, 5])
})

await t.test('of two delays the earlier one stays', async (t) => {
  const timers = fakeTimers()
  const queue = createQueue({ workers: 1, timers, run: async () => ({ type: 'done' }) })
  queue.addAfter('a', 500)
  queue.addAfter('a', 900)
  t.strictSame(timers.pending(), [500])
  queue.addAfter('a', 100)
  t.strictSame(timers.pending(), [100])
})

await t.test('a run that throws is tried again', async (t) => {
  const timers = fakeTimers()
  const queue = createQueue({ workers: 1, timers, run: async () => { throw new Error('unexpected') } })
  queue.add('a')
  await tick()
  t.strictSame(timers.pending(), [5])
})

await t.test('closing waits for what runs and starts nothing more', async (t) => {
  let release = () => {}
  let runs = 0
  const queue = createQueue({
    workers: 1,
    timers: fakeTimers(),
    run: () => new Promise((resolve) => {
      runs++
      release = () => resolve({ type: 'retry' })
    }),
  })
  queue.add('a')
  queue.add('b')
  queue.addAfter('c', 10)
  let closed = false
  const closing = queue.close().then(() => { closed = true })
  await tick()
  t.notOk(closed)
  release()
  await closing
  queue.add('d')
  t.equal(runs, 1)
})

await t.test('property: no key runs twice at once, no more keys run than workers, and every add is followed by a run', async () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('add' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
    fc.record({ type: fc.constant('finish' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
  )
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 3 }), async (steps, workers) => {
    const running = new Map<string, () => void>()
    const stale = new Set<string>()
    let broken = ''
    const queue = createQueue({
      workers,
      timers: fakeTimers(),
      run: (key) => new Promise((resolve) => {
        if (running.has(key)) broken = `${key} twice`
        stale.delete(key)
        running.set(key, () => resolve({ type: 'done' }))
        if (running.size > workers) broken = 'too many'
      }),
    })
    const finish = async (key: string) => {
      running.get(key)?.()
      running.delete(key)
      await tick()
    }
    for (const { type, key } of steps) {
      if (type === 'finish') await finish(key)
      else {
        stale.add(key)
        queue.add(key)
      }
    }
    while (running.size > 0) for (const key of running.keys()) await finish(key)
    return broken === '' && stale.size === 0
  }), { numRuns: 200 })
})
