/** Who may connect to the redis and the sentinel pods: each other, the probe, and the clients that the user names. */
import type { NetworkPolicy, NetworkPolicyPeer } from 'kubernetes-types/networking/v1.js'
import type { RedisSentinelSpec } from '../api/redis-sentinel.ts'
import type { Parent } from '../metadata/children.ts'
import { redisSentinelNames } from '../metadata/names.ts'
import { REDIS_PORT } from '../redis/exporter.ts'
import { networkPolicies } from '../redis/network-policy.ts'
import { PROBE } from '../redis/secret-access.ts'
import { identity } from './identity.ts'
import { SENTINEL_PORT } from './services.ts'

const PROBE_PODS: NetworkPolicyPeer = {
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': PROBE.namespace } },
  podSelector: { matchLabels: { 'app.kubernetes.io/name': 'redis-operator', 'app.kubernetes.io/component': 'probe' } },
}

export function networkPoliciesOf (parent: Parent, spec: RedisSentinelSpec): NetworkPolicy[] {
  const names = redisSentinelNames(parent.metadata.name)
  const { app, name } = identity(parent, 'redis')
  const common = {
    namespace: parent.metadata.namespace,
    settings: spec.networkPolicy,
    insiders: [{ podSelector: { matchLabels: { app, name } } }, PROBE_PODS],
  }
  return [
    ...networkPolicies({ ...common, name: names.redis.networkPolicy, identity: identity(parent, 'redis'), port: REDIS_PORT, exporter: spec.exporter }),
    ...networkPolicies({ ...common, name: names.sentinel.networkPolicy, identity: identity(parent, 'sentinel'), port: SENTINEL_PORT }),
  ]
}
