import type { NetworkPolicy } from 'kubernetes-types/networking/v1.js'
import t from 'tap'
import { parse } from 'yaml'
import { RedisSentinelSpec } from '../../src/api/redis-sentinel.ts'
import { networkPoliciesOf } from '../../src/redis-sentinel/network-policies.ts'
import { redisSentinel, text } from '../fixtures.ts'

const policies = (fields: object): NetworkPolicy[] => networkPoliciesOf(redisSentinel(fields), RedisSentinelSpec.parse(redisSentinel(fields).spec))
const CLIENT = { ipBlock: { cidr: '10.0.0.0/8' } }

t.test('the pods of the cluster and the probe always get in, clients to both parts, metrics to redis alone', async (t) => {
  const [redis, sentinel, ...more] = policies({ networkPolicy: { clients: [CLIENT], metrics: [CLIENT] }, exporter: { enable: true } })
  t.equal(more.length, 0)
  for (const [policy, component, port] of [[redis, 'redis', 6379], [sentinel, 'sentinel', 26379]] as const) {
    t.match(policy, { metadata: { name: `demo-${component}` }, spec: { podSelector: { matchLabels: { app: 'redis-sentinel', component, name: 'demo' } }, policyTypes: ['Ingress'] } })
    t.match(policy?.spec?.ingress?.[0], { ports: [{ port, protocol: 'TCP' }], from: [{ podSelector: { matchLabels: { app: 'redis-sentinel', name: 'demo' } } }, {}, CLIENT] })
  }
  t.strictSame(redis?.spec?.ingress?.slice(1), [{ ports: [{ port: 9121, protocol: 'TCP' }], from: [CLIENT] }])
  t.equal(sentinel?.spec?.ingress?.length, 1)
})

t.test('the probe is the one of manifests/probe', async (t) => {
  const [policy] = policies({ networkPolicy: {} })
  const labels = (parse(text('manifests/probe/deployment.yaml')) as { metadata: { labels: object } }).metadata.labels
  const { namespace } = parse(text('manifests/probe/kustomization.yaml')) as { namespace: string }
  t.strictSame(policy?.spec?.ingress?.[0]?.from?.[1], { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } }, podSelector: { matchLabels: labels } })
})

t.test('without the field there is none', async (t) => {
  t.strictSame(policies({}), [])
})
