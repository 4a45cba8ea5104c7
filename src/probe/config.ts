/** The environment, parsed once. */
import { hostname } from 'node:os'
import { z } from 'zod'

const Port = z.coerce.number().int().min(0).max(65535)

const Env = z.object({
  METRICS_PORT: Port.default(9090).describe('Port of /healthz, /readyz and /metrics.'),
  WATCH_NAMESPACE: z.string().default('').describe('The one namespace to look after; empty: all.'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info').describe('pino level.'),
  FAST_PATH: z.enum(['on', 'off']).default('on').describe('off: it starts no failover and no handover, and only follows those of others.'),
  POD_NAME: z.string().min(1).default(() => `${hostname()}-${process.pid}`).describe('Identity in the Lease.'),
  POD_NAMESPACE: z.string().min(1).optional().describe('Namespace of the Lease; left out: that of the service account or kubeconfig.'),
  LEASE_NAME: z.string().min(1).default('sentinel-probe').describe('Name of the Lease.'),
})

export type Config = Readonly<z.infer<typeof Env>>

/** An empty variable is one that was not set. */
export function parseConfig (env: NodeJS.ProcessEnv): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const result = Env.safeParse(given)
  if (!result.success) throw new Error(`invalid environment: ${z.prettifyError(result.error)}`)
  return Object.freeze(result.data)
}
