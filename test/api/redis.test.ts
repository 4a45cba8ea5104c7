/** Of src/api/redis.ts and of the pieces in src/api/kubernetes.ts that both kinds share. */
import t from 'tap'
import { parse } from 'yaml'
import { API_VERSION, GROUP, REDIS, VERSION } from '../../src/api/group.ts'
import { Redis, RedisSpec } from '../../src/api/redis.ts'
import { redis, text } from '../fixtures.ts'
import { problems, storageProblems } from './problems.ts'

t.test('the group, version and names that users write', async (t) => {
  t.strictSame([GROUP, VERSION, API_VERSION], ['cache.iguochan.io', 'v1', 'cache.iguochan.io/v1'])
  t.strictSame(REDIS, { kind: 'Redis', plural: 'redis', singular: 'redis', shortNames: [] })
})

t.test('the sample is valid as it stands', async (t) => {
  const sample = parse(text('manifests/samples/redis.yaml')) as { spec: object }
  t.strictSame(RedisSpec.parse(sample.spec), sample.spec)
})

t.test('an empty spec is a whole one', async (t) => {
  t.strictSame(RedisSpec.parse({}), { image: 'redis:7.0', storage: { size: '1Gi' } })
})

t.test('an exporter that is not switched on is off, with its defaults', async (t) => {
  t.strictSame(RedisSpec.parse({ exporter: {} }).exporter, { enable: false, image: 'oliver006/redis_exporter:v1.50.0', port: 9121 })
})

t.test('quantities of resources may be numbers, as in any manifest', async (t) => {
  const { exporter } = RedisSpec.parse({ exporter: { enable: true, resources: { limits: { cpu: 1, memory: '64Mi' } } } })
  t.strictSame(exporter?.resources, { limits: { cpu: '1', memory: '64Mi' } })
})

t.test('an unknown field is dropped, as the API server does', async (t) => {
  t.notOk('colour' in RedisSpec.parse({ colour: 'red', storage: { colour: 'red' } }))
})

const wrong: readonly (readonly [field: string, spec: object])[] = [
  ['image', { image: '' }],
  ['image', { image: 'redis 7' }],
  ['image', { image: 7 }],
  ['image', { image: null }],
  ['image', { image: 'x'.repeat(513) }],
  ['nodePort', { nodePort: 29999 }],
  ['nodePort', { nodePort: 32768 }],
  ['nodePort', { nodePort: 31000.5 }],
  ['nodePort', { nodePort: '31000' }],
  ['nodePort', { nodePort: null }],
  ...storageProblems,
  ['exporter', { exporter: true }],
  ['exporter.enable', { exporter: { enable: 'yes' } }],
  ['exporter.port', { exporter: { port: 0 } }],
  ['exporter.port', { exporter: { port: 65536 } }],
  ['exporter.image', { exporter: { image: '\n' } }],
  ['exporter.resources.limits.cpu', { exporter: { resources: { limits: { cpu: 'much' } } } }],
  ['exporter.resources.limits.cpu', { exporter: { resources: { limits: { cpu: -1 } } } }],
  ['exporter.resources.requests.memory', { exporter: { resources: { requests: { memory: '1 Gi' } } } }],
]

for (const [field, spec] of wrong) {
  t.test(`the message names ${field} for ${JSON.stringify(spec).slice(0, 60)}`, async (t) => {
    t.strictSame(problems(RedisSpec, spec), [field])
  })
}

t.test('the object around the spec is only looked at as far as the hook needs it', async (t) => {
  t.ok(Redis.safeParse(redis({ image: 7 })).success, 'a wrong spec is a condition, not a refused request')
  t.notOk(Redis.safeParse({ ...redis(), kind: 'RedisSentinel' }).success)
  t.notOk(Redis.safeParse({ ...redis(), metadata: { name: 'demo' } }).success)
})
