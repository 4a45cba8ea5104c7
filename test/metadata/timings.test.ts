import fc from 'fast-check'
import t from 'tap'
import { fenceMs, minReplicas, pauseMs } from '../../src/metadata/timings.ts'

t.test('a pause and a fence are over before the sentinels find the master down, whatever down-after is', async (t) => {
  fc.assert(fc.property(fc.integer({ min: 500, max: 600_000 }), (downAfter) => {
    const [pause, fence] = [pauseMs(downAfter), fenceMs(downAfter)]
    return pause > 0 && pause <= 3000 && pause <= downAfter / 2 && fence > 0 && fence <= 3000 && fence < downAfter
  }))
  t.strictSame([pauseMs(5000), pauseMs(10_000), fenceMs(5000), fenceMs(1000)], [2500, 3000, 3000, 600])
})

t.test('from five pods on, a master with a minority of the pods may not write', async (t) => {
  t.strictSame([1, 2, 3, 4, 5, 6, 7].map(minReplicas), [0, 0, 1, 1, 2, 3, 3])
})
