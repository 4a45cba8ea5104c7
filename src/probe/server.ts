/** GET /healthz, /readyz and /metrics. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { Registry } from 'prom-client'

export interface ServerOptions {
  readonly registry: Registry
  readonly isReady: () => boolean
}

export function buildServer ({ registry, isReady }: ServerOptions): Server {
  return createServer((request, response) => {
    const path = request.url?.split('?')[0]
    if (request.method !== 'GET') answer(response, 405, 'method not allowed')
    else if (path === '/healthz') answer(response, 200, 'ok')
    else if (path === '/readyz') sendReadiness(response, isReady())
    else if (path === '/metrics') sendMetrics(response, registry)
    else answer(response, 404, 'not found')
  })
}

function answer (response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type }).end(text)
}

function sendReadiness (response: ServerResponse, ready: boolean): void {
  if (ready) answer(response, 200, 'ok')
  else answer(response, 503, 'the watches have not listed yet')
}

function sendMetrics (response: ServerResponse, registry: Registry): void {
  registry.metrics().then(
    (text) => answer(response, 200, text, registry.contentType),
    () => answer(response, 500, 'metrics could not be collected')
  )
}
