/** The Prometheus exporter beside a Redis. */
import type { Container, ResourceRequirements } from 'kubernetes-types/core/v1.js'
import type { Exporter, Resources } from '../api/kubernetes.ts'
import { canonicalQuantity } from '../metadata/canonical.ts'
import { containerSecurityContext } from './security.ts'

export const REDIS_PORT = 6379
export const METRICS_PORT_NAME = 'metrics'

/** No container when the exporter is off. */
export function exporterContainers (exporter: Exporter | undefined): Container[] {
  if (!exporter?.enable) return []
  return [{
    name: 'exporter',
    image: exporter.image,
    env: [
      { name: 'REDIS_ADDR', value: `redis://127.0.0.1:${REDIS_PORT}` },
      { name: 'REDIS_EXPORTER_WEB_LISTEN_ADDRESS', value: `:${exporter.port}` },
    ],
    ports: [{ name: METRICS_PORT_NAME, containerPort: exporter.port, protocol: 'TCP' }],
    securityContext: containerSecurityContext(),
    ...(exporter.resources && { resources: resourceRequirements(exporter.resources) }),
  }]
}

/** A user's resources in the canonical form of the API server. */
export function resourceRequirements ({ limits, requests }: Resources): ResourceRequirements {
  const canonical = (quantities: Record<string, string>) =>
    Object.fromEntries(Object.entries(quantities).map(([name, quantity]) => [name, canonicalQuantity(quantity)]))
  return { ...(limits && { limits: canonical(limits) }), ...(requests && { requests: canonical(requests) }) }
}
