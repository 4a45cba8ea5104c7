/** Random valid specs, and the same request in another order. */
import fc from 'fast-check'
import type { KindName } from '../../src/hook/kinds.ts'
import { pod, resource, type Resource } from '../fixtures.ts'

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const nodePort = optional(fc.integer({ min: 30000, max: 32767 }))
const quantity = fc.tuple(fc.integer({ min: 1, max: 2048 }), fc.constantFrom('Mi', 'Gi', 'M', 'G')).map(([n, unit]) => `${n}${unit}`)
const image = fc.constantFrom('redis:7.0', 'redis:8', 'valkey/valkey:8-alpine')
const resources = fc.record({ limits: fc.dictionary(fc.constantFrom('cpu', 'memory'), quantity), requests: fc.dictionary(fc.constantFrom('cpu', 'memory'), quantity) }, { requiredKeys: [] })
const exporter = optional(fc.record({ enable: fc.boolean(), port: fc.integer({ min: 1024, max: 65535 }), resources }, { requiredKeys: [] }))
const storage = optional(fc.oneof(
  fc.record({ size: quantity, hostPath: fc.constantFrom('/data', '/mnt/redis') }),
  fc.record({ size: quantity, storageClassName: fc.constant('fast') }, { requiredKeys: [] }),
))
const config = optional(fc.dictionary(fc.constantFrom('maxmemory', 'hz', 'databases'), fc.constantFrom('10', '16')))
const auth = optional(fc.record({ secretName: fc.constantFrom('password', 'a.b') }))
const networkPolicy = optional(fc.record({ clients: fc.constant([{ podSelector: {} }]), metrics: fc.constant([{ ipBlock: { cidr: '10.0.0.0/8' } }]) }, { requiredKeys: [] }))
const paused = optional(fc.boolean())
const binding = optional(fc.record({ enable: fc.boolean() }))
const podSettings = optional(fc.record({
  nodeSelector: fc.constant({ disk: 'fast' }), tolerations: fc.constant([{ operator: 'Exists' }]), labels: fc.constant({ team: 'a' }), annotations: fc.constant({ team: 'a' }), resources, imagePullPolicy: fc.constantFrom('Always', 'Never'),
}, { requiredKeys: [] }))
const serviceSettings = optional(fc.record({ type: fc.constantFrom('NodePort', 'LoadBalancer'), annotations: fc.constant({ a: 'b' }) }, { requiredKeys: [] }))
const SPECS: Record<KindName, fc.Arbitrary<object>> = {
  redis: fc.record({ image, nodePort, exporter, storage, auth, networkPolicy, paused, binding, config, pod: podSettings, service: serviceSettings }),
  'redis-sentinel': fc.record({
    image,
    sentinelImage: image,
    redisReplicas: optional(fc.integer({ min: 1, max: 7 })),
    sentinelReplicas: optional(fc.constantFrom(3, 5, 7)),
    masterNodePort: optional(fc.integer({ min: 30000, max: 30999 })),
    nodePort: optional(fc.integer({ min: 31000, max: 31999 })),
    sentinelNodePort: optional(fc.integer({ min: 32000, max: 32767 })),
    masterName: optional(fc.constantFrom('mymaster', 'my-master.1_a')),
    quorum: optional(fc.integer({ min: 1, max: 3 })),
    downAfterMilliseconds: optional(fc.integer({ min: 500, max: 600000 })),
    failoverTimeout: optional(fc.integer({ min: 1000, max: 3600000 })),
    exporter,
    auth,
    networkPolicy,
    paused,
    binding,
    storage,
    config,
    redisPod: podSettings,
    sentinelPod: podSettings,
    masterService: serviceSettings,
    replicaService: serviceSettings,
    sentinelService: serviceSettings,
  }),
}
const names = fc.oneof(fc.constant('demo'), fc.integer({ min: 1, max: 253 }).map((length) => 'n'.repeat(length)))

export const valid = (name: KindName): fc.Arbitrary<Resource> => fc.tuple(SPECS[name], names)
  .map(([spec, parent]) => resource(name, { spec: JSON.parse(JSON.stringify(spec)) as object, metadata: { name: parent } }))

/** Any pods: ours and others', labelled in any way. */
export const somePods = fc.array(fc.record({
  name: fc.constantFrom('demo-redis-0', 'demo-redis-1', 'demo-redis-2', 'demo-sentinel-0', 'demo-sentinel-1'),
  role: optional(fc.constantFrom('master', 'slave')),
  ready: fc.boolean(),
  terminating: fc.boolean(),
  owner: optional(fc.constant('another')),
}), { maxLength: 6 }).map((some) => Object.fromEntries(some.map(({ name, role, owner, ...rest }) =>
  [`shop/${name}`, pod(name, { ...rest, ...(role && { role }), ...(owner && { owner }) })])))

/** The keys of every object the other way round: a Go map has no order. Lists have one. */
export function reversed<T> (value: T): T {
  if (Array.isArray(value)) return value.map(reversed) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).reverse().map(([key, inner]) => [key, reversed(inner)])) as T
}
