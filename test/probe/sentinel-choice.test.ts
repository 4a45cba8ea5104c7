import t from 'tap'
import type { ReplicaFigures } from '../../src/probe/replies.ts'
import { choiceOf } from '../../src/probe/sentinel-choice.ts'

const one = (address: string, more: Partial<ReplicaFigures> = {}): ReplicaFigures => ({ address, offset: 10, priority: 100, runId: address, age: 5000, isEligible: true, ...more })
const even = { a: 50, b: 50 }
const now = (offset: number, runId?: string, priority = 100) => ({ offset, priority, runId })

const cases: Record<string, [ReplicaFigures[], Record<string, number>, string | undefined]> = {
  'of two equals the lower run id': [[one('b'), one('a')], even, 'a'],
  'one without a run id comes last': [[one('b'), one('a', { runId: '' })], even, 'b'],
  'old figures are looked at again before the choice': [[one('a', { offset: 10 }), one('b', { offset: 40, priority: 7 })], even, 'a'],
  'fresh ones are not, whatever is true': [[one('a', { age: 100, offset: 49 }), one('b', { age: 100, offset: 50 })], even, 'b'],
  'a lower priority comes before more data': [[one('a', { age: 100, offset: 50 }), one('b', { age: 100, offset: 10, priority: 7 })], even, 'b'],
  'one that the sentinel would not promote': [[one('a', { isEligible: false }), one('b')], even, 'b'],
  'the one with the most data': [[one('a'), one('b')], { a: 50, b: 51 }, 'b'],
  'one that does not live is out of the question': [[one('a'), one('b')], { b: 50 }, 'b'],
  'nobody is known': [[], even, undefined],
}

for (const [name, [known, offsets, expected]] of Object.entries(cases)) {
  await t.test(name, async (t) => t.equal(choiceOf(known, new Map(Object.entries(offsets).map(([at, offset]) => [at, now(offset)]))), expected))
}

await t.test('one that the probe prefers comes before the others', async (t) => {
  t.equal(choiceOf([one('a'), one('b')], new Map([['a', now(50)], ['b', now(50, 'b', 50)]])), 'b')
})

await t.test('a process that was started since has another run id than the sentinel knows', async (t) => {
  const living = new Map([['a', now(50, 'c')], ['b', now(50, 'b')]])
  t.equal(choiceOf([one('a'), one('b')], living), 'b')
  t.equal(choiceOf([one('a', { age: 10, offset: 50 }), one('b', { age: 10, offset: 50 })], living), 'a', 'nor does it when it has just looked')
})
