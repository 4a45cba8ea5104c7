/** Services of a RedisSentinel. */
import type { Service } from 'kubernetes-types/core/v1.js'
import type { RedisSentinelSpec } from '../api/redis-sentinel.ts'
import type { Observed, Parent } from '../metadata/children.ts'
import { type Component, MASTER_ROLE, POD_SERVICE_LABEL, REPLICA_ROLE, ROLE_LABEL } from '../metadata/labels.ts'
import { ordinalOf, podName, redisSentinelNames } from '../metadata/names.ts'
import { REDIS_PORT } from '../redis/exporter.ts'
import { headlessService, service, type ServiceParts, tcpPort } from '../redis/services.ts'
import { identity } from './identity.ts'

export const SENTINEL_PORT = 26379
/** Not 6379, so that nobody mistakes the master's Service for the read-only one. */
export const MASTER_PORT = 6378

export function sharedServices (parent: Parent, spec: RedisSentinelSpec): Service[] {
  const names = redisSentinelNames(parent.metadata.name)
  const redis = parts(parent, 'redis')
  const sentinel = parts(parent, 'sentinel')
  return [
    service({
      ...redis,
      name: names.master,
      selector: { [ROLE_LABEL]: MASTER_ROLE },
      port: tcpPort('redis', MASTER_PORT, REDIS_PORT),
      nodePort: spec.masterNodePort,
      settings: spec.masterService,
      // the label alone decides: readiness lags, and its changes would delay ours in kube-proxy (kubernetes-lab.md, 1)
      spec: { publishNotReadyAddresses: true },
    }),
    service({
      ...redis,
      name: names.redis.service,
      selector: { [ROLE_LABEL]: REPLICA_ROLE },
      nodePort: spec.nodePort,
      settings: spec.replicaService,
    }),
    service({ ...sentinel, name: names.sentinel.service, nodePort: spec.sentinelNodePort, settings: spec.sentinelService }),
    headlessService({ ...redis, name: names.redis.headless }),
    headlessService({ ...sentinel, name: names.sentinel.headless }),
  ]
}

/**
 * One Service per pod. Those of removed ordinals stay until the CR goes: a recycled ClusterIP would let these sentinels
 * reconfigure another cluster's Redis (design 3.6).
 */
export function podServices (parent: Parent, observed: Observed, component: Component, replicas: number): Service[] {
  const { statefulSet } = redisSentinelNames(parent.metadata.name)[component]
  const left = observed.services
    .filter(({ metadata }) => metadata?.labels?.[POD_SERVICE_LABEL] === metadata?.name)
    .filter(({ metadata }) => metadata?.name === podName(statefulSet, ordinalOf(metadata?.name ?? '') ?? -1))
    .map(({ metadata }) => (ordinalOf(metadata?.name ?? '') ?? -1) + 1)
  const count = Math.max(replicas, ...left)
  return Array.from({ length: count }, (_, ordinal) => podService(parent, component, podName(statefulSet, ordinal)))
}

function podService (parent: Parent, component: Component, pod: string): Service {
  return service({
    ...parts(parent, component),
    name: pod,
    labels: { [POD_SERVICE_LABEL]: pod },
    selector: { 'statefulset.kubernetes.io/pod-name': pod },
    spec: { publishNotReadyAddresses: true },
  })
}

function parts (parent: Parent, component: Component): Omit<ServiceParts, 'name'> {
  return {
    namespace: parent.metadata.namespace,
    identity: identity(parent, component),
    port: component === 'redis' ? tcpPort('redis', REDIS_PORT) : tcpPort('sentinel', SENTINEL_PORT),
  }
}
