import t from 'tap'
import type { Child } from '../../src/metadata/children.ts'
import { checkResponse, type SyncResponse } from '../../src/hook/response.ts'
import type { Controller } from '../../src/hook/request.ts'
import { controller, KIND_NAMES, settled } from '../fixtures.ts'

const by = controller('redis') as Controller
const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a', namespace: 'shop' } }
const answer = (...children: unknown[]): SyncResponse => ({ status: {}, children: children as Child[] })
const check = (response: SyncResponse) => checkResponse(response, by, 'shop')

for (const name of KIND_NAMES) {
  t.test(`a right answer passes as it is: ${name}`, async (t) => {
    const { response } = settled(name)
    t.equal(checkResponse(response, controller(name) as Controller, 'shop'), response)
  })
}

const wrong: Record<string, readonly [SyncResponse, RegExp]> = {
  'a kind that is not declared': [answer({ ...service, kind: 'Secret' }), /does not declare v1\/undefined/],
  'another version of a declared kind': [answer({ ...service, apiVersion: 'apps/v1' }), /redis-operator-redis does not declare apps\/v1\/services/],
  'a child of another namespace': [answer({ ...service, metadata: { name: 'a', namespace: 'other' } }), /Service other\/a is outside of the parent's namespace shop/],
  'a child without a namespace': [answer({ ...service, metadata: { name: 'a' } }), /outside/],
  'one child twice': [answer(service, { ...service }), /Service shop\/a is desired twice/],
  'a null child': [answer(null), /null/],
  'null in a child': [answer({ ...service, spec: { ports: [{ port: null }] } }), /holds null at \.children\.0\.spec\.ports\.0\.port/],
  'undefined in a child': [answer({ ...service, spec: { type: undefined } }), /holds null at \.children\.0\.spec\.type/],
  'null in the status': [{ status: { phase: null }, children: [] }, /holds null at \.status\.phase/],
}
for (const [name, [response, message]] of Object.entries(wrong)) {
  t.test(`an answer with ${name} is not sent`, async (t) => {
    t.throws(() => check(response), { message })
  })
}

t.test('two kinds may share a name', async (t) => {
  t.doesNotThrow(() => check(answer(service, { ...service, kind: 'ConfigMap' })))
})

t.test('claim templates are echoed with what an old API server wrote', async (t) => {
  const claims = [{ metadata: { name: 'data', creationTimestamp: null } }]
  t.doesNotThrow(() => check(answer({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: service.metadata, spec: { volumeClaimTemplates: claims } })))
})

t.test('an empty list is an answer', async (t) => {
  t.doesNotThrow(() => check(answer()))
})
