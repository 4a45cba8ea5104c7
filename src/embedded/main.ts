/** The embedded driver: runs CompositeControllers where Metacontroller itself cannot be had. */
import { KubeConfig } from '@kubernetes/client-node'
import { pino } from 'pino'
import { createApiClient } from './api-client.ts'
import { createTransport } from './api-transport.ts'
import { USAGE, parseConfig, readControllers } from './config.ts'
import { runController } from './controller.ts'
import { createEventRecorder } from './events.ts'
import { messageOf } from './failures.ts'
import { createHookClient } from './hook-client.ts'
import { createInformers } from './informer.ts'
import { createMetrics, serveMetrics } from './metrics.ts'
import { systemTimers } from './queue.ts'
import type { Config } from './config.ts'
import type { CompositeController } from './composite-controller.ts'

const DRAIN_MS = 5000
const USAGE_ERROR = 2

const config = orExit(() => parseConfig(process.argv.slice(2), process.env))
if (config.help) process.stdout.write(USAGE)
else await main(config, orExit(() => readControllers(config.controllers)))

function orExit<T> (parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\nTry --help.\n`)
    process.exit(USAGE_ERROR)
  }
}

async function main (config: Config, controllers: CompositeController[]): Promise<void> {
  const log = pino({ level: config.logLevel, name: 'embedded' })
  const metrics = createMetrics()
  const { signal, stop } = stopSignal()
  const api = createApiClient(createTransport(loadKubeConfig(config.kubeconfig)), (verb, kind) => {
    metrics.apiWrite(verb, kind)
    log.debug({ verb, kind }, 'api write')
  })
  const shared = {
    api,
    informers: createInformers({ api, signal, log }),
    hooks: createHookClient({ baseUrl: config.hookBaseUrl, now: Date.now, onRequest: metrics.hookRequest }),
    events: createEventRecorder({ api, log, now: () => new Date() }),
    timers: systemTimers,
    log,
    signal,
  }
  const server = config.metricsPort === undefined ? undefined : await serveMetrics(config.metricsPort, metrics)
  const running = controllers.map((controller) => runController({ ...shared, controller }).stopped)
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  signal.addEventListener('abort', () => {
    log.info('stopping')
    // A hook that does not answer must not keep the process: what is in flight is safe to do again.
    setTimeout(() => process.exit(0), DRAIN_MS).unref()
  })
  await Promise.all(running)
  server?.close()
  process.exit(0)
}

function stopSignal (): { signal: AbortSignal, stop: () => void } {
  const controller = new AbortController()
  return { signal: controller.signal, stop: () => controller.abort() }
}

function loadKubeConfig (path: string | undefined): KubeConfig {
  const kubeConfig = new KubeConfig()
  if (path) kubeConfig.loadFromFile(path)
  else kubeConfig.loadFromDefault()
  return kubeConfig
}
