/** The webhook's settings, from its environment. */
import { z } from 'zod'

/** Not z.coerce: it reads an empty value as 0, which is any free port. */
const Port = z.string().regex(/^\d{1,5}$/, 'must be a port number').transform(Number).pipe(z.int().max(65535))

const Environment = z.object({
  PORT: Port.default(8080),
  METRICS_PORT: Port.default(9090),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
})

export interface Config {
  readonly port: number
  readonly metricsPort: number
  readonly logLevel: z.infer<typeof Environment>['LOG_LEVEL']
}

/** Throws an Error that names every wrong variable. */
export function config (environment: Record<string, string | undefined>): Config {
  const parsed = Environment.safeParse(environment)
  if (!parsed.success) throw new Error(`invalid environment: ${z.prettifyError(parsed.error)}`)
  const { PORT, METRICS_PORT, LOG_LEVEL } = parsed.data
  return Object.freeze({ port: PORT, metricsPort: METRICS_PORT, logLevel: LOG_LEVEL })
}
