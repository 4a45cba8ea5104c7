import type { ConfigMap } from 'kubernetes-types/core/v1.js'
import t from 'tap'
import { RedisSpec } from '../../src/api/redis.ts'
import { resolveSpec, stateConfigMap } from '../../src/redis/state.ts'
import { redisIdentity, syncRedis } from '../../src/redis/sync.ts'
import { child, NOTHING, NOW, observedOf, pod, redis, settled, settledObserved } from '../fixtures.ts'

const INVALID = redis({ image: '' }, { metadata: { generation: 2 } })
const there = settledObserved('redis', redis(), [pod('demo-redis-0')])
const without = (...names: string[]) => ({ ...there, configMaps: there.configMaps.filter(({ metadata }) => !names.includes(metadata?.name ?? '')) })
const state = (spec: object) => child<ConfigMap>([stateConfigMap(redis(), 'demo-state', redisIdentity(redis()), spec)], 'ConfigMap', 'demo-state')

t.test('an invalid spec is an answer: the children of the last valid one and a condition', async (t) => {
  const { status, children } = syncRedis(INVALID, there, NOW)
  t.strictSame(children, settled('redis').response.children)
  t.match(status, {
    phase: 'Error',
    endpoint: 'demo-svc.shop.svc:6379',
    conditions: [{ type: 'Ready', status: 'True' }, { type: 'SpecValid', status: 'False', reason: 'InvalidSpec', message: /image[^]*The last valid spec stays in force/, observedGeneration: 2 }, {}],
  })
})

for (const spec of [{ image: 7 }, { nodePort: 1 }, { storage: { size: 'much' } }, 'nonsense', [], 7]) {
  t.test(`nothing is created for an invalid spec where nothing exists: ${JSON.stringify(spec)}`, async (t) => {
    const { status, children, resyncAfterSeconds } = syncRedis({ ...redis(), spec }, NOTHING, NOW)
    t.strictSame(children, [])
    t.equal(resyncAfterSeconds, undefined)
    t.match(status, { phase: 'Error', conditions: [{ type: 'Ready', status: 'False', reason: 'InvalidSpec' }, { type: 'SpecValid', status: 'False', message: /Nothing is created until it is corrected/ }] })
  })
}

t.test('a spec left out is all defaults', async (t) => {
  for (const spec of [undefined, null]) t.match(syncRedis({ ...redis(), spec }, NOTHING, NOW).status, { conditions: [{}, { type: 'SpecValid', status: 'True' }, {}] })
})

t.test('with the memory gone there is no right answer while anything exists, since fewer children are deleted ones', async (t) => {
  t.throws(() => syncRedis(INVALID, without('demo-state'), NOW), /spec is invalid and ConfigMap demo-state holds no valid one/)
  for (const kind of ['ConfigMap', 'Service', 'StatefulSet']) {
    const some = observedOf(settled('redis').response.children.filter((one) => one.kind === kind && one.metadata?.name !== 'demo-state'))
    t.throws(() => syncRedis(INVALID, some, NOW), /holds no valid one/, `only a ${kind}`)
  }
})

for (const data of [undefined, {}, { spec: 'no json' }, { spec: '{"image":7}' }, { spec: 'null' }] as const) {
  t.test(`a memory edited by hand is as good as lost: ${JSON.stringify(data)}`, async (t) => {
    const edited: ConfigMap = { metadata: { name: 'demo-state' }, ...(data && { data }) }
    t.throws(() => syncRedis(INVALID, { ...without('demo-state'), configMaps: [edited] }, NOW), /holds no valid one/)
  })
}

t.test('the memory is written with each valid spec and does not follow an invalid one', async (t) => {
  const specOf = (parent: typeof INVALID) => child<ConfigMap>(syncRedis(parent, there, NOW).children, 'ConfigMap', 'demo-state').data?.['spec'] ?? ''
  t.equal(JSON.parse(specOf(redis({ nodePort: 31234 }))).nodePort, 31234)
  t.equal(specOf(INVALID), specOf(redis()))
})

t.test('what was remembered is a valid spec that gives the same children', async (t) => {
  const { spec } = resolveSpec(INVALID, there, 'demo-state', RedisSpec, () => [])
  t.strictSame(spec, RedisSpec.parse(redis().spec))
})

t.test('the order in which a user wrote the fields is no change', async (t) => {
  t.strictSame(state({ a: 1, b: { c: [{ d: 1, e: 2 }], f: 3 } }), state({ b: { f: 3, c: [{ e: 2, d: 1 }] }, a: 1 }))
})

t.test('no sentence of a rule is lost beside the others', async (t) => {
  const { verdicts: [valid] } = resolveSpec(redis(), there, 'demo-state', RedisSpec, () => ['One.', 'Two.'])
  t.match(valid, { status: 'False', message: /One\.; Two\./ })
})

t.test('while it is paused the spec before stays in force, valid or not, and the condition says so', async (t) => {
  for (const [fields, status] of [[{ image: 'redis:9' }, 'True'], [{ nodePort: 1 }, 'False']] as const) {
    const { spec, verdicts } = resolveSpec(redis({ ...fields, paused: true }), there, 'demo-state', RedisSpec, () => [])
    t.strictSame(spec, RedisSpec.parse(redis().spec))
    t.match(verdicts, [{ type: 'SpecValid', status }, { type: 'Paused', status: 'True', reason: 'PausedByUser' }])
  }
  const { spec, verdicts } = resolveSpec(redis({ image: 'redis:9', paused: false }), there, 'demo-state', RedisSpec, () => [])
  t.equal(spec?.image, 'redis:9')
  t.equal(verdicts.length, 1)
})

t.test('paused from the beginning, or with its memory gone, there is nothing before: the spec itself is in force', async (t) => {
  const { spec, verdicts } = resolveSpec(redis({ paused: true }), NOTHING, 'demo-state', RedisSpec, () => [])
  t.equal(spec?.paused, true)
  t.equal(verdicts.length, 1)
})
