/** The Prometheus exporter beside a Redis. */
import type { Container, EnvVar, ResourceRequirements } from 'kubernetes-types/core/v1.js'
import type { Resources } from '../api/kubernetes.ts'
import { canonicalQuantity } from '../metadata/canonical.ts'
import { containerSecurityContext } from './security.ts'
import { TLS_DIR } from './tls.ts'
import { EXPORTER_PASSWORD, exporterMount, hasOwnUser, localUrl, type Mounted, tlsMount } from './volumes.ts'

export const REDIS_PORT = 6379
export const METRICS_PORT_NAME = 'metrics'

/** As passwords.sh makes it; CONFIG would show it the passwords. */
const OWN_USER: EnvVar[] = [
  { name: 'REDIS_USER', value: 'operator-exporter' },
  { name: 'REDIS_PASSWORD_FILE', value: EXPORTER_PASSWORD },
  { name: 'REDIS_EXPORTER_CONFIG_COMMAND', value: '-' },
]

/** It reads them at each scrape. In the same pod: no name to be verified. */
const CERTIFICATE: EnvVar[] = [
  { name: 'REDIS_EXPORTER_TLS_CLIENT_CERT_FILE', value: `${TLS_DIR}/tls.crt` },
  { name: 'REDIS_EXPORTER_TLS_CLIENT_KEY_FILE', value: `${TLS_DIR}/tls.key` },
  { name: 'REDIS_EXPORTER_SKIP_TLS_VERIFICATION', value: 'true' },
]

/** No container when the exporter is off. */
export function exporterContainers (spec: Omit<Mounted, 'storage'>): Container[] {
  const { exporter } = spec
  if (!exporter?.enable) return []
  return [{
    name: 'exporter',
    image: exporter.image,
    env: [
      { name: 'REDIS_ADDR', value: localUrl(spec.tls) },
      { name: 'REDIS_EXPORTER_WEB_LISTEN_ADDRESS', value: `:${exporter.port}` },
      ...(hasOwnUser(spec) ? OWN_USER : []),
      ...(spec.tls ? CERTIFICATE : []),
    ],
    ports: [{ name: METRICS_PORT_NAME, containerPort: exporter.port, protocol: 'TCP' }],
    ...mounts(spec),
    securityContext: containerSecurityContext(),
    ...(exporter.resources && { resources: resourceRequirements(exporter.resources) }),
  }]
}

function mounts (spec: Omit<Mounted, 'storage'>): Pick<Container, 'volumeMounts'> {
  const volumeMounts = [...(hasOwnUser(spec) ? [{ ...exporterMount(), readOnly: true }] : []), ...(spec.tls ? [tlsMount()] : [])]
  return volumeMounts.length > 0 ? { volumeMounts } : {}
}

/** A user's resources in the canonical form of the API server. */
export function resourceRequirements ({ limits, requests }: Resources): ResourceRequirements {
  const canonical = (quantities: Record<string, string>) =>
    Object.fromEntries(Object.entries(quantities).map(([name, quantity]) => [name, canonicalQuantity(quantity)]))
  return { ...(limits && { limits: canonical(limits) }), ...(requests && { requests: canonical(requests) }) }
}
