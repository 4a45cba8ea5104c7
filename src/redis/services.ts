/** Services of a Redis, and the parts that a RedisSentinel's Services are made of too. */
import type { Service, ServicePort, ServiceSpec } from 'kubernetes-types/core/v1.js'
import type { ServiceSettings } from '../api/pod.ts'
import type { RedisSpec } from '../api/redis.ts'
import type { Parent } from '../metadata/children.ts'
import { commonLabels, type Identity, selectorLabels } from '../metadata/labels.ts'
import { redisNames } from '../metadata/names.ts'
import { METRICS_PORT_NAME, REDIS_PORT } from './exporter.ts'

export interface ServiceParts {
  readonly name: string
  readonly namespace: string
  readonly identity: Identity
  /** Added to the identity's labels. */
  readonly labels?: Record<string, string>
  /** Added to the identity's selector. */
  readonly selector?: Record<string, string>
  readonly port: ServicePort
  readonly nodePort?: number | undefined
  readonly spec?: Partial<ServiceSpec>
  readonly settings?: ServiceSettings | undefined
}

/** A ClusterIP Service, or a NodePort Service when a node port is given, unless the user says otherwise. */
export function service ({ name, namespace, identity, labels, selector, port, nodePort, spec, settings = {} }: ServiceParts): Service {
  const { type = nodePort === undefined ? 'ClusterIP' : 'NodePort', annotations, loadBalancerSourceRanges, externalTrafficPolicy } = settings
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels: { ...commonLabels(identity), ...labels }, ...(annotations && { annotations }) },
    spec: {
      type,
      ...(loadBalancerSourceRanges && { loadBalancerSourceRanges }),
      ...(externalTrafficPolicy && { externalTrafficPolicy }),
      selector: { ...selectorLabels(identity), ...selector },
      ports: [{ ...port, ...(nodePort !== undefined && { nodePort }) }],
      ...spec,
    },
  }
}

/** Gives each pod its DNS name, from the moment it exists. */
export function headlessService (parts: ServiceParts): Service {
  return service({ ...parts, spec: { clusterIP: 'None', publishNotReadyAddresses: true } })
}

export function tcpPort (name: string, port: number, targetPort: number = port): ServicePort {
  return { name, port, targetPort, protocol: 'TCP' }
}

export function redisServices (parent: Parent, spec: RedisSpec, identity: Identity): Service[] {
  const names = redisNames(parent.metadata.name)
  const base = { namespace: parent.metadata.namespace, identity, port: tcpPort('redis', REDIS_PORT) }
  const services = [
    service({ ...base, name: names.service, nodePort: spec.nodePort, settings: spec.service }),
    headlessService({ ...base, name: names.headless }),
  ]
  if (spec.exporter?.enable) services.push(service({ ...base, name: names.exporter, port: tcpPort(METRICS_PORT_NAME, spec.exporter.port) }))
  return services
}
