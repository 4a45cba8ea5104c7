// The short set of the faults, in which no figure of time counts; all of them, with figures: make faults.
import t from 'tap'
import { faults } from './faults/index.ts'
import { runFault } from './faults/run.ts'

t.setTimeout(900_000)

const SEED = 1

for (const fault of faults.filter(({ short }) => short)) {
  t.test(`fault ${fault.number}: ${fault.name}`, async (t) => {
    const logs: string[] = []
    const { violations, lost, acknowledged, gapMs } = await runFault(fault, SEED, (text) => logs.push(text))
    t.strictSame(violations, [])
    t.equal(lost, 0, `all of ${acknowledged} acknowledged writes are there`)
    t.comment(`longest gap ${gapMs} ms`)
    if (!t.passing()) t.comment(logs.join('\n'))
  })
}
