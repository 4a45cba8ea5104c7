import fc from 'fast-check'
import t from 'tap'
import { conditions } from '../../src/metadata/conditions.ts'
import type { Verdict } from '../../src/metadata/children.ts'
import { LATER, NOW, redis } from '../fixtures.ts'

const ready = (status: Verdict['status'], reason = 'Because', message = 'So it is.'): Verdict => ({ type: 'Ready', status, reason, message })
const after = (before: unknown) => redis({}, { status: { conditions: before } })

t.test('a condition that was never there before changed now, in whole seconds', async (t) => {
  t.strictSame(conditions(redis(), [ready('False')], NOW), [
    { type: 'Ready', status: 'False', reason: 'Because', message: 'So it is.', lastTransitionTime: '2026-11-23T10:00:00Z', observedGeneration: 1 },
  ])
})

t.test('its time moves when the status does, and only then', async (t) => {
  const before = conditions(redis(), [ready('False')], NOW)
  const time = (verdict: Verdict) => conditions(after(before), [verdict], LATER)[0]?.lastTransitionTime
  t.equal(time(ready('False')), '2026-11-23T10:00:00Z')
  t.equal(time(ready('False', 'Other', 'Other words.')), '2026-11-23T10:00:00Z', 'a reason is no transition')
  t.equal(time(ready('True')), '2026-11-23T11:00:00Z')
  t.equal(time(ready('Unknown')), '2026-11-23T11:00:00Z')
})

t.test('reason, message and generation are always the present ones', async (t) => {
  const before = conditions(redis(), [ready('False')], NOW)
  const parent = redis({}, { metadata: { generation: 7 }, status: { conditions: before } })
  t.match(conditions(parent, [ready('False', 'Other', 'Other words.')], LATER), [{ reason: 'Other', message: 'Other words.', observedGeneration: 7 }])
})

t.test('a parent without a generation gives a condition without one', async (t) => {
  t.notOk('observedGeneration' in (conditions({ metadata: { name: 'a', namespace: 'b' } }, [ready('True')], NOW)[0] ?? {}))
})

t.test('conditions come in the order of the verdicts, and others are dropped', async (t) => {
  const other = { ...ready('True'), type: 'Other', lastTransitionTime: '2020-01-01T00:00:00Z' }
  const verdicts = [ready('True'), { ...ready('True'), type: 'Applied' }]
  t.strictSame(conditions(after([other]), verdicts, NOW).map(({ type }) => type), ['Ready', 'Applied'])
})

t.test('whatever stands in the status before, fed back the conditions stay the same', async (t) => {
  fc.assert(fc.property(fc.jsonValue(), fc.constantFrom('True' as const, 'False' as const), (status, value) => {
    const first = conditions({ ...redis(), status: status as never }, [ready(value)], NOW)
    const second = conditions(after(first), [ready(value)], LATER)
    return JSON.stringify(first) === JSON.stringify(second)
  }))
  t.pass()
})
