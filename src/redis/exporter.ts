/** The Prometheus exporter beside a Redis. */
import type { Container, EnvVar, ResourceRequirements } from 'kubernetes-types/core/v1.js'
import type { Resources } from '../api/kubernetes.ts'
import { canonicalQuantity } from '../metadata/canonical.ts'
import { containerSecurityContext } from './security.ts'
import { EXPORTER_PASSWORD, exporterMount, hasOwnUser, type Mounted } from './volumes.ts'

export const REDIS_PORT = 6379
export const METRICS_PORT_NAME = 'metrics'

/** As passwords.sh makes it; CONFIG would show it the passwords. */
const OWN_USER: EnvVar[] = [
  { name: 'REDIS_USER', value: 'exporter' },
  { name: 'REDIS_PASSWORD_FILE', value: EXPORTER_PASSWORD },
  { name: 'REDIS_EXPORTER_CONFIG_COMMAND', value: '-' },
]

/** No container when the exporter is off. */
export function exporterContainers (spec: Pick<Mounted, 'auth' | 'exporter'>): Container[] {
  const { exporter } = spec
  if (!exporter?.enable) return []
  return [{
    name: 'exporter',
    image: exporter.image,
    env: [
      { name: 'REDIS_ADDR', value: `redis://127.0.0.1:${REDIS_PORT}` },
      { name: 'REDIS_EXPORTER_WEB_LISTEN_ADDRESS', value: `:${exporter.port}` },
      ...(hasOwnUser(spec) ? OWN_USER : []),
    ],
    ports: [{ name: METRICS_PORT_NAME, containerPort: exporter.port, protocol: 'TCP' }],
    ...(hasOwnUser(spec) && { volumeMounts: [{ ...exporterMount(), readOnly: true }] }),
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
