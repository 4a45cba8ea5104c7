// What the API server itself refuses, and in which words.
import t from 'tap'
import { apply, kubectl, namespace, redis, redisSentinel, refusal } from './fixture.ts'

const NAMESPACE = 'admission'

const REFUSED: readonly [string, object, RegExp][] = [
  ['four sentinels', redisSentinel(NAMESPACE, 'a', { sentinelReplicas: 4 }), /sentinelReplicas must be 3, 5 or 7/],
  ['no redis at all', redisSentinel(NAMESPACE, 'a', { redisReplicas: 0 }), /redisReplicas.*greater than or equal to 1/],
  ['two equal node ports', redisSentinel(NAMESPACE, 'a', { masterNodePort: 30999, nodePort: 30999 }), /masterNodePort and nodePort must be different/],
  ['a node port out of range', redis(NAMESPACE, 'a', { nodePort: 80 }), /nodePort.*greater than or equal to 30000/],
  ['a size that is none', redis(NAMESPACE, 'a', { storage: { size: 'much' } }), /storage\.size/],
  ['a relative hostPath', redis(NAMESPACE, 'a', { storage: { hostPath: 'data' } }), /storage\.hostPath/],
  ['a hostPath that climbs', redis(NAMESPACE, 'a', { storage: { hostPath: '/data/../etc' } }), /hostPath must not contain/],
  ['hostPath and a storage class', redis(NAMESPACE, 'a', { storage: { hostPath: '/data', storageClassName: 'standard' } }), /exclude each other/],
  ['an exporter on the port of Redis', redis(NAMESPACE, 'a', { exporter: { port: 6379 } }), /exporter\.port cannot be 6379/],
  ['a name that no Service can have', redis(NAMESPACE, 'a.b', {}), /metadata\.name must start with a letter/],
  ['an unknown field', redis(NAMESPACE, 'a', { replicas: 3 }), /unknown field "spec\.replicas"/],
  ['a wrong type', redisSentinel(NAMESPACE, 'a', { redisReplicas: 'three' }), /redisReplicas.*integer/],
]

t.before(async () => namespace(NAMESPACE))
t.teardown(async () => kubectl('delete', 'namespace', NAMESPACE, '--wait=false'))

for (const [what, manifest, words] of REFUSED) {
  t.test(`the API server refuses ${what} and says why`, async (t) => {
    t.match(await refusal(manifest), words)
  })
}

t.test('the API server fills in the defaults', async (t) => {
  await apply(redisSentinel(NAMESPACE, 'defaults'))
  const spec = JSON.parse(await kubectl('-n', NAMESPACE, 'get', 'rss', 'defaults', '-o', 'jsonpath={.spec}'))
  t.same(spec, {
    image: 'redis:7.0',
    sentinelImage: 'redis:7.0',
    redisReplicas: 3,
    sentinelReplicas: 3,
    masterName: 'mymaster',
    downAfterMilliseconds: 5000,
    failoverTimeout: 10000,
    storage: { size: '1Gi' },
  })
  for (const [change, words] of [
    [{ storage: { size: '512Mi' } }, /size cannot shrink/],
    [{ storage: { hostPath: '/data' } }, /hostPath cannot be changed/],
    [{ masterName: 'other' }, /masterName cannot be changed/],
  ] as const) {
    t.match(await refusal(redisSentinel(NAMESPACE, 'defaults', change)), words, `refuses the change ${JSON.stringify(change)}`)
  }
})
