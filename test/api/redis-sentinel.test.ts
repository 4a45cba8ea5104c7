import t from 'tap'
import { parse } from 'yaml'
import { REDIS_SENTINEL } from '../../src/api/group.ts'
import { quorumOf, RedisSentinel, RedisSentinelSpec } from '../../src/api/redis-sentinel.ts'
import { redisSentinel, text } from '../fixtures.ts'
import { problems, storageProblems } from './problems.ts'

t.test('the names that users write', async (t) => {
  t.strictSame(REDIS_SENTINEL, { kind: 'RedisSentinel', plural: 'redissentinels', singular: 'redissentinel', shortNames: ['rss'] })
})

t.test('the sample is valid as it stands', async (t) => {
  const sample = parse(text('manifests/samples/redis-sentinel.yaml')) as { spec: object }
  t.match(RedisSentinelSpec.parse(sample.spec), sample.spec)
})

t.test('an empty spec is a whole one', async (t) => {
  t.strictSame(RedisSentinelSpec.parse({}), {
    image: 'redis:7.0',
    sentinelImage: 'redis:7.0',
    redisReplicas: 3,
    sentinelReplicas: 3,
    storage: { size: '1Gi' },
    masterName: 'mymaster',
    downAfterMilliseconds: 5000,
    failoverTimeout: 10000,
  })
})

t.test('without a quorum a majority of the sentinels is meant', async (t) => {
  const quorum = (spec: object) => quorumOf(RedisSentinelSpec.parse(spec))
  t.strictSame([3, 5, 7].map((sentinelReplicas) => quorum({ sentinelReplicas })), [2, 3, 4])
  t.equal(quorum({ sentinelReplicas: 5, quorum: 2 }), 2)
})

const outside = (field: string, ...values: unknown[]) => values.map((value) => [field, { [field]: value }] as const)

const wrong: readonly (readonly [field: string, spec: object])[] = [
  ...outside('image', '', 'redis 7'),
  ...outside('sentinelImage', '', 'a b', 1),
  ...outside('redisReplicas', 0, 8, 1.5, '3', null),
  ...outside('sentinelReplicas', 1, 2, 8, '3'),
  ...outside('masterNodePort', 29999, 32768, '31000'),
  ...outside('nodePort', 29999, 32768),
  ...outside('sentinelNodePort', 29999, 32768),
  ...outside('masterName', '', 'two words', "x'; reboot; '", 'a\nb', 'm'.repeat(64)),
  ...outside('quorum', 0, 8, 1.5, '2'),
  ...outside('downAfterMilliseconds', 499, 600001),
  ...outside('failoverTimeout', 999, 3600001),
  ...storageProblems,
  ['exporter.port', { exporter: { port: 65536 } }],
]

for (const [field, spec] of wrong) {
  t.test(`the message names ${field} for ${JSON.stringify(spec).slice(0, 60)}`, async (t) => {
    t.strictSame(problems(RedisSentinelSpec, spec), [field])
  })
}

t.test('the object around the spec is only looked at as far as the hook needs it', async (t) => {
  t.ok(RedisSentinel.safeParse({ ...redisSentinel(), spec: 'nonsense' }).success)
  t.notOk(RedisSentinel.safeParse({ ...redisSentinel(), kind: 'Redis' }).success)
})
