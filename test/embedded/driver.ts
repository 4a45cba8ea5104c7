/** The whole driver between a fake API server and a fake hook, for the contract test. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { KubeConfig } from '@kubernetes/client-node'
import { pino } from 'pino'
import { createApiClient } from '../../src/embedded/api-client.ts'
import { createTransport } from '../../src/embedded/api-transport.ts'
import { parseCompositeController } from '../../src/embedded/composite-controller.ts'
import { runController } from '../../src/embedded/controller.ts'
import { createEventRecorder } from '../../src/embedded/events.ts'
import { createHookClient } from '../../src/embedded/hook-client.ts'
import { createInformers } from '../../src/embedded/informer.ts'
import { createMetrics } from '../../src/embedded/metrics.ts'
import { systemTimers } from '../../src/embedded/queue.ts'
import { fakeApiServer, listen } from './fake-api-server.ts'
import type { Test } from 'tap'
import type { Metrics } from '../../src/embedded/metrics.ts'
import type { KubeObject, ObjectGroups } from '../../src/embedded/objects.ts'
import type { FakeApiServer, Write } from './fake-api-server.ts'

type HookBody = { controller: object, parent: KubeObject, children: ObjectGroups, related: ObjectGroups, finalizing: boolean }
type Call = { path: string, body: HookBody, at: number }
type Answer = { code?: number, headers?: Record<string, string>, body?: unknown, delayMs?: number }

type Driver = {
  api: FakeApiServer
  calls: Call[]
  metrics: Metrics
  logs: string[]
  /** Replaces the sync hook's answer. */
  answer: (next: (body: HookBody, call: number) => Answer) => void
  start: () => void
  stop: () => Promise<void>
}

type DriverOptions = { document?: object, customize?: (body: HookBody) => Answer }

export function fixture (name: string): HookBody {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8'))
}

type Document = { spec: { hooks: Record<string, unknown> } & Record<string, unknown> }

/** The fixture's CompositeController with other fields of its spec. */
export function controllerDocument (spec: Record<string, unknown> = {}): object {
  const document = fixture('sync-first').controller as Document
  return { ...document, spec: { ...document.spec, ...spec } }
}

export function hook (path: string): object {
  return { version: 'v2', webhook: { url: `http://webhook.invalid${path}` } }
}

/** Without customize: most tests are not about related objects. */
export function syncOnly (spec: Record<string, unknown> = {}): object {
  return controllerDocument({ hooks: { sync: hook('/sync') }, ...spec })
}

async function driver (options: DriverOptions = {}): Promise<Driver> {
  const api = await fakeApiServer()
  const calls: Call[] = []
  let next: (body: HookBody, call: number) => Answer = () => ({ body: {} })
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => { text += chunk })
    request.on('end', () => {
      const body = JSON.parse(text)
      calls.push({ path: request.url ?? '', body, at: performance.now() })
      const customize = request.url?.endsWith('customize')
      const answered = customize ? options.customize?.(body) ?? { body: {} } : next(body, calls.length)
      const payload = typeof answered.body === 'string' ? answered.body : JSON.stringify(answered.body ?? {})
      setTimeout(() => response.writeHead(answered.code ?? 200, answered.headers).end(payload), answered.delayMs ?? 0)
    })
  })
  const hookPort = await listen(server)
  const stopper = new AbortController()
  const metrics = createMetrics()
  let stopped = Promise.resolve()
  const logs: string[] = []

  function start (): void {
    const { signal } = stopper
    const log = pino({ level: 'trace' }, { write: (line: string) => { logs.push(line) } })
    const client = createApiClient(createTransport(kubeConfig(api.url)), metrics.apiWrite)
    stopped = runController({
      controller: parseCompositeController(options.document ?? syncOnly()),
      api: client,
      informers: createInformers({ api: client, signal, log, minBackoffMs: 10 }),
      hooks: createHookClient({ baseUrl: `http://127.0.0.1:${hookPort}`, now: Date.now, onRequest: metrics.hookRequest }),
      events: createEventRecorder({ api: client, log, now: () => new Date() }),
      timers: systemTimers,
      log,
      signal,
    }).stopped
  }

  async function stop (): Promise<void> {
    stopper.abort()
    await stopped
    server.closeAllConnections()
    server.close()
    await api.close()
  }

  return { api, calls, metrics, logs, start, stop, answer: (replacement) => { next = replacement } }
}

function kubeConfig (server: string): KubeConfig {
  const config = new KubeConfig()
  config.loadFromOptions({
    clusters: [{ name: 'fake', server, skipTLSVerify: true }],
    users: [{ name: 'fake', token: 'secret' }],
    contexts: [{ name: 'fake', cluster: 'fake', user: 'fake' }],
    currentContext: 'fake',
  })
  return config
}

/** Waits until the condition holds; after five seconds the test has failed. */
export async function until (condition: () => unknown, what = 'the condition'): Promise<void> {
  for (const end = performance.now() + 5000; performance.now() < end;) {
    if (condition()) return
    await sleep(5)
  }
  throw new Error(`waited in vain for ${what}`)
}

/** Long enough for anything that would still happen to happen. */
export const settle = () => sleep(250)

export function parent (spec: object = { size: 1 }, metadata: object = {}): object {
  return { apiVersion: 'cache.iguochan.io/v1', kind: 'RedisSentinel', metadata: { name: 'a', namespace: 'default', ...metadata }, spec }
}

export function configMap (name: string, data: object = {}, metadata: object = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data }
}

/** A driver for one test; `before` puts what is there when it starts. */
export async function start (test: Test, options: DriverOptions = {}, before: (driver: Driver) => void = () => {}): Promise<Driver> {
  const started = await driver(options)
  test.teardown(started.stop)
  before(started)
  started.start()
  return started
}

export const statusWrites = ({ api }: Driver): Write[] => api.writes.filter(({ path }) => path.endsWith('/status'))
export const events = ({ api }: Driver): Write[] => api.writes.filter(({ path }) => path.includes('/events'))
