import fc from 'fast-check'
import t from 'tap'
import { difference } from '../../src/metadata/difference.ts'

const cases: Record<string, [unknown, unknown, string | undefined]> = {
  'the same': [{ a: { b: [1, 'x'] } }, { a: { b: [1, 'x'] } }, undefined],
  'a field that somebody else has added': [{ a: 1 }, { a: 1, b: 2 }, undefined],
  'an element that somebody else has added': [{ ports: [{ name: 'a' }] }, { ports: [{ name: 'other' }, { name: 'a', nodePort: 30000 }] }, undefined],
  'a field that is missing': [{ spec: { type: 'NodePort' } }, { spec: {} }, 'spec.type'],
  'a field with another value': [{ spec: { replicas: 3 } }, { spec: { replicas: 4 } }, 'spec.replicas'],
  'a number is no text': [{ port: 1 }, { port: '1' }, 'port'],
  'an element that is missing is named by its list': [{ spec: { ports: [{ nodePort: 30001 }] } }, { spec: { ports: [{ nodePort: 30002 }] } }, 'spec.ports'],
  'a list that is none': [{ spec: { ports: [] } }, { spec: { ports: {} } }, 'spec.ports'],
  'a map that is none': [{ spec: { selector: {} } }, { spec: { selector: null } }, 'spec.selector'],
  'nothing there': [{ spec: { a: 1 } }, undefined, ''],
}

for (const [name, [desired, observed, expected]] of Object.entries(cases)) {
  t.test(name, async (t) => {
    t.equal(difference(desired, observed), expected)
  })
}

t.test('whatever it is, it does not differ from itself', async (t) => {
  fc.assert(fc.property(fc.jsonValue(), (value) => difference(value, structuredClone(value)) === undefined))
  t.pass()
})
