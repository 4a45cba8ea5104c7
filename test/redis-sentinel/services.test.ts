/** Of src/redis-sentinel/services.ts and pod-disruption-budgets.ts. */
import type { Service, ServiceSpec } from 'kubernetes-types/core/v1.js'
import t from 'tap'
import { RedisSentinelSpec } from '../../src/api/redis-sentinel.ts'
import { podDisruptionBudget } from '../../src/redis-sentinel/pod-disruption-budgets.ts'
import { podServices, sharedServices } from '../../src/redis-sentinel/services.ts'
import { child, NOTHING, redisSentinel } from '../fixtures.ts'

const identity = (component: string) => ({ app: 'redis-sentinel', component, name: 'demo' })
const shared = (name: string, fields: object = {}): ServiceSpec => {
  const parent = redisSentinel(fields)
  return child<Service>(sharedServices(parent, RedisSentinelSpec.parse(parent.spec)), 'Service', name).spec ?? {}
}

t.test('the master\'s Service leads from 6378 to the pod that the label alone names', async (t) => {
  t.strictSame(shared('demo-redis-master'), {
    type: 'NodePort',
    selector: { ...identity('redis'), 'redis-role': 'master' },
    ports: [{ name: 'redis', port: 6378, targetPort: 6379, protocol: 'TCP', nodePort: 30999 }],
    publishNotReadyAddresses: true,
  })
})

t.test('the replicas\' Service leads to ready replicas only', async (t) => {
  t.strictSame(shared('demo-redis'), {
    type: 'NodePort',
    selector: { ...identity('redis'), 'redis-role': 'slave' },
    ports: [{ name: 'redis', port: 6379, targetPort: 6379, protocol: 'TCP', nodePort: 31000 }],
  })
})

t.test('the sentinels\' Service leads to ready sentinels', async (t) => {
  t.strictSame(shared('demo-sentinel'), {
    type: 'NodePort', selector: identity('sentinel'), ports: [{ name: 'sentinel', port: 26379, targetPort: 26379, protocol: 'TCP', nodePort: 31001 }],
  })
})

for (const [field, name] of [['masterNodePort', 'demo-redis-master'], ['nodePort', 'demo-redis'], ['sentinelNodePort', 'demo-sentinel']] as const) {
  t.test(`without ${field} the Service ${name} is reachable inside the cluster only`, async (t) => {
    const { type, ports } = shared(name, { [field]: undefined })
    t.equal(type, 'ClusterIP')
    t.notOk('nodePort' in (ports?.[0] ?? {}))
  })
}

for (const [field, name] of [['masterService', 'demo-redis-master'], ['replicaService', 'demo-redis'], ['sentinelService', 'demo-sentinel']] as const) {
  t.test(`${field} says how ${name} is reached`, async (t) => {
    const settings = { type: 'LoadBalancer', annotations: { 'a/b': 'c' }, loadBalancerSourceRanges: ['10.0.0.0/8'], externalTrafficPolicy: 'Local' }
    const parent = redisSentinel({ [field]: settings })
    const { metadata, spec } = child<Service>(sharedServices(parent, RedisSentinelSpec.parse(parent.spec)), 'Service', name)
    const { annotations, ...rest } = settings
    t.match(spec, rest)
    t.strictSame(metadata?.annotations, annotations)
  })
}

for (const component of ['redis', 'sentinel'] as const) {
  t.test(`the headless Service of the ${component} pods names them from the moment they exist`, async (t) => {
    t.match(shared(`demo-${component}-headless`), { type: 'ClusterIP', clusterIP: 'None', publishNotReadyAddresses: true, selector: identity(component) })
  })

  t.test(`each ${component} pod has a Service whose address is announced, ready or not, and that says whose it is`, async (t) => {
    const services = podServices(redisSentinel(), NOTHING, component, 2)
    t.equal(services.length, 2)
    t.match(services[1], {
      metadata: { name: `demo-${component}-1`, labels: { 'cache.iguochan.io/pod': `demo-${component}-1` } },
      spec: { type: 'ClusterIP', publishNotReadyAddresses: true, selector: { ...identity(component), 'statefulset.kubernetes.io/pod-name': `demo-${component}-1` } },
    })
    t.notOk('clusterIP' in (services[1]?.spec ?? {}), 'the cluster chooses the address')
    t.equal(services[1]?.spec?.ports?.[0]?.port, component === 'redis' ? 6379 : 26379)
  })

  t.test(`at most one ${component} pod at a time is evicted`, async (t) => {
    t.match(podDisruptionBudget(redisSentinel(), component), {
      metadata: { name: `demo-${component}`, namespace: 'shop' }, spec: { maxUnavailable: 1, selector: { matchLabels: identity(component) } },
    })
  })
}
