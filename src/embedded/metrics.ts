/** What the driver counts, and the little server that shows it. */
import { createServer } from 'node:http'
import { Counter, Registry } from 'prom-client'
import type { Server, ServerResponse } from 'node:http'

export type Metrics = {
  apiWrite: (verb: string, kind: string) => void
  hookRequest: (hook: string, code: string) => void
  text: () => Promise<string>
}

export function createMetrics (): Metrics {
  const registry = new Registry()
  const writes = new Counter({
    name: 'embedded_api_writes_total',
    help: 'Writes sent to the API server; none once everything is as desired',
    labelNames: ['verb', 'kind'],
    registers: [registry],
  })
  const requests = new Counter({
    name: 'embedded_hook_requests_total',
    help: 'Calls of the hooks; the code is "none" when no answer came',
    labelNames: ['hook', 'code'],
    registers: [registry],
  })
  return {
    apiWrite: (verb, kind) => writes.inc({ verb, kind }),
    hookRequest: (hook, code) => requests.inc({ hook, code }),
    text: () => registry.metrics(),
  }
}

/** `/healthz` and `/metrics`; resolves once it listens. */
export function serveMetrics (port: number, metrics: Metrics): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url === '/healthz') response.end('ok\n')
    else if (request.url === '/metrics') sendMetrics(response, metrics)
    else response.writeHead(404).end()
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, () => resolve(server))
  })
}

function sendMetrics (response: ServerResponse, metrics: Metrics): void {
  metrics.text().then(
    (text) => response.setHeader('content-type', 'text/plain; version=0.0.4').end(text),
    () => response.writeHead(500).end(),
  )
}
