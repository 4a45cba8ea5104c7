/** Metrics of the webhook, on a port of their own so that the hook's port can stay closed to everybody else. */
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client'
import Fastify, { type FastifyInstance } from 'fastify'

export interface Metrics {
  readonly registry: Registry
  /** `hook` is "redis/sync" and the like, `code` the HTTP status, `seconds` the time from request to answer. */
  readonly answered: (hook: string, code: number, seconds: number) => void
}

export function metrics (): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const requests = new Counter({
    name: 'redis_operator_hook_requests_total', help: 'Hook requests answered.', labelNames: ['hook', 'code'], registers: [registry],
  })
  const duration = new Histogram({
    name: 'redis_operator_hook_duration_seconds',
    help: 'Time from a hook request to its answer.',
    labelNames: ['hook'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1],
    registers: [registry],
  })
  return {
    registry,
    answered (hook, code, seconds) {
      requests.inc({ hook, code })
      duration.observe({ hook }, seconds)
    },
  }
}

export function buildMetricsServer (registry: Registry): FastifyInstance {
  const server = Fastify()
  server.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
  return server
}
