import t from 'tap'
import { podProblems, PodSettings, serviceProblems, ServiceSettings } from '../../src/api/pod.ts'
import { nullProblems } from '../../src/api/kubernetes.ts'
import { redisSentinelProblems, RedisSentinelSpec } from '../../src/api/redis-sentinel.ts'
import { redisProblems, RedisSpec } from '../../src/api/redis.ts'
import { problems } from './problems.ts'

t.test('Kubernetes\' own objects are taken as they are', async (t) => {
  const settings = { affinity: { nodeAffinity: { any: ['thing'] } }, tolerations: [{ operator: 'Exists' }], topologySpreadConstraints: [{ maxSkew: 1 }] }
  t.strictSame(PodSettings.parse(settings), settings)
})

const wrong: Record<string, object> = {
  affinity: { affinity: 'x' }, tolerations: { tolerations: {} }, imagePullPolicy: { imagePullPolicy: 'Sometimes' }, 'nodeSelector.disk': { nodeSelector: { disk: 1 } },
}
for (const [field, settings] of Object.entries(wrong)) {
  t.test(`the message names ${field}`, async (t) => {
    t.strictSame(problems(PodSettings, settings), [field])
  })
}

t.test('null is refused at any depth: Metacontroller would pass it on', async (t) => {
  for (const pod of [{ affinity: { podAffinity: null } }, { tolerations: [{ key: [null] }] }, { securityContext: { sysctls: [{ name: null }] } }]) {
    t.strictSame(nullProblems({ pod: PodSettings.parse(pod), networkPolicy: undefined }), ['pod must not hold null.'])
    t.match(redisProblems(RedisSpec.parse({ pod })), ['pod must not hold null.'])
    t.match(redisSentinelProblems(RedisSentinelSpec.parse({ sentinelPod: pod })), ['sentinelPod must not hold null.'])
  }
  t.match(redisProblems(RedisSpec.parse({ networkPolicy: { clients: [{ podSelector: null }] } })), ['networkPolicy must not hold null.'])
  t.strictSame(nullProblems({ pod: { affinity: {}, tolerations: [{ key: '' }] } }), [])
})

t.test('labels and annotations of the operator cannot be changed', async (t) => {
  t.strictSame(podProblems('pod', { labels: { team: 'a' }, annotations: { 'a/b': 'c' } }), [])
  t.strictSame(podProblems('pod'), [])
  for (const key of ['app', 'component', 'name', 'redis-role', 'app.kubernetes.io/name']) {
    t.match(podProblems('redisPod', { labels: { [key]: 'x' } }), [`redisPod.labels: ${key} is the operator's own.`])
  }
  t.match(podProblems('pod', { annotations: { 'cache.iguochan.io/settings': 'x' } }), [/pod\.annotations: cache\.iguochan\.io\/settings/])
})

const services: Record<string, [ServiceSettings, number | undefined, RegExp[]]> = {
  'nothing said': [{}, undefined, []],
  'a load balancer with sources': [{ type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8'], externalTrafficPolicy: 'Local' }, 30001, []],
  'a node port keeps clients\' addresses': [{ externalTrafficPolicy: 'Local' }, 30001, []],
  'a node port of a Service that has none': [{ type: 'ClusterIP' }, 30001, [/a node port needs/]],
  'sources without a load balancer': [{ loadBalancerSourceRanges: ['10.0.0.0/8'] }, undefined, [/needs the type LoadBalancer/]],
  'a policy inside the cluster': [{ externalTrafficPolicy: 'Local' }, undefined, [/externalTrafficPolicy needs/]],
}
for (const [name, [settings, nodePort, expected]] of Object.entries(services)) {
  t.test(`a Service: ${name}`, async (t) => {
    t.ok(ServiceSettings.safeParse(settings).success)
    t.match(serviceProblems('service', settings, nodePort), expected)
    t.equal(serviceProblems('service', settings, nodePort).length, expected.length)
  })
}
