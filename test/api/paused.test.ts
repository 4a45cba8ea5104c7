import t from 'tap'
import { isPaused } from '../../src/api/paused.ts'

const specs: [unknown, boolean][] = [[{ paused: true }, true], [{ paused: false }, false], [{ paused: 'true' }, false], [{}, false], [null, false], [undefined, false], ['paused', false], [[true], false]]
for (const [spec, paused] of specs) {
  t.test(`${JSON.stringify(spec)} ${paused ? 'is' : 'is not'} paused`, async (t) => {
    t.equal(isPaused(spec), paused)
  })
}
