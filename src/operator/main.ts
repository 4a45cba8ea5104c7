/** The webhook's process: environment -> config -> servers -> listen -> close on SIGTERM. */
import { pino } from 'pino'
import { config } from './config.ts'
import { buildMetricsServer, metrics } from './metrics.ts'
import { buildServer } from './server.ts'

const { port, metricsPort, logLevel } = config(process.env)
const logger = pino({ level: logLevel, base: { process: 'webhook' } })
const measured = metrics()
const servers = [buildServer({ logger, metrics: measured, now: () => new Date() }), buildMetricsServer(measured.registry)] as const

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    logger.info({ signal }, 'closing')
    // Fastify answers what is under way and refuses what comes
    Promise.all(servers.map((server) => server.close())).then(() => process.exit(0), () => process.exit(1))
  })
}

await servers[0].listen({ port, host: '::' })
await servers[1].listen({ port: metricsPort, host: '::' })
logger.info({ port, metricsPort }, 'webhook listens')
