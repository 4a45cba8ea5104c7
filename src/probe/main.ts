/** Process 2, the sentinel-probe: env -> credentials -> probe -> closed on SIGTERM. */
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { createApiClient } from './api-client.ts'
import { parseConfig } from './config.ts'
import { loadCredentials } from './credentials.ts'
import { startProbe } from './probe.ts'
import { buildServer } from './server.ts'

const config = parseConfig(process.env)
const log = pino({ level: config.LOG_LEVEL, name: 'sentinel-probe' })
const credentials = await loadCredentials(process.env)
const api = createApiClient(credentials)
const leaseApi = createApiClient(credentials)
const probe = startProbe({
  api,
  leaseApi,
  log,
  watchNamespace: config.WATCH_NAMESPACE,
  fastPath: config.FAST_PATH === 'on',
  lease: { namespace: config.POD_NAMESPACE ?? credentials.namespace, name: config.LEASE_NAME, identity: config.POD_NAME },
})
const server = buildServer({ registry: probe.metrics.registry, isReady: probe.isReady })
server.listen(config.METRICS_PORT, () => {
  log.info({ port: (server.address() as AddressInfo).port, apiServer: credentials.server }, 'probe started')
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => { stop(signal).catch(() => process.exit(1)) })

async function stop (signal: string): Promise<void> {
  log.info({ signal }, 'probe stops')
  await probe.stop()
  server.close()
  server.closeAllConnections()
  api.close()
  leaseApi.close()
}
