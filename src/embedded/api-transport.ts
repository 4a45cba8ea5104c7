/** HTTP to the API server with a kubeconfig's address, TLS and credentials; JSON in, JSON out, nothing converted. */
import { createHash } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import { apiFailure } from './failures.ts'
import type { KubeConfig } from '@kubernetes/client-node'

type ApiRequest = { method: string, path: string, body?: unknown, contentType?: string }
type StreamRequest = { path: string, timeoutMs: number, signal: AbortSignal, onLine: (line: string) => void }

export type Transport = {
  json: (request: ApiRequest) => Promise<unknown>
  /** Resolves when the server ends the stream. */
  lines: (request: StreamRequest) => Promise<void>
}

const DEADLINE_MS = 30_000

export function createTransport (kubeConfig: KubeConfig): Transport {
  const server = kubeConfig.getCurrentCluster()?.server
  if (!server) throw new Error('the kubeconfig names no cluster')
  const options = requestOptions(kubeConfig, server.startsWith('https:'))
  const send = server.startsWith('https:') ? https.request : http.request

  async function open (request: ApiRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    const body = request.body === undefined ? undefined : JSON.stringify(request.body)
    const base = await options()
    const headers = {
      ...base.headers,
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json', 'content-length': Buffer.byteLength(body) }),
    }
    const url = new URL(server + request.path)
    return responseTo(() => send(url, { ...base, method: request.method, headers, signal }), body)
  }

  async function json (request: ApiRequest): Promise<unknown> {
    const response = await open(request, AbortSignal.timeout(DEADLINE_MS))
    const text = await textOf(response)
    return isSuccess(response) ? JSON.parse(text) : fail(request, response, text)
  }

  async function lines ({ path, timeoutMs, signal, onLine }: StreamRequest): Promise<void> {
    const request = { method: 'GET', path }
    const response = await open(request, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]))
    if (!isSuccess(response)) return fail(request, response, await textOf(response))
    let rest = ''
    for await (const chunk of response.setEncoding('utf8')) {
      const parts = (rest + chunk).split('\n')
      rest = parts.pop() ?? ''
      for (const line of parts) onLine(line)
    }
  }

  return { json, lines }
}

/**
 * Asks for the credentials each time, because tokens rotate, but keeps one agent for as long as the TLS material is the
 * same: the library makes an agent, and with it a handshake, for every request.
 */
function requestOptions (kubeConfig: KubeConfig, tls: boolean): () => Promise<http.RequestOptions> {
  let signature = ''
  let agent: http.Agent = new http.Agent({ keepAlive: true })
  return async () => {
    const options: https.RequestOptions = {}
    await kubeConfig.applyToHTTPSOptions(options)
    const { ca, cert, key, rejectUnauthorized, servername } = options
    const material = { ca, cert, key, rejectUnauthorized, servername }
    const now = createHash('sha256').update(Object.values(material).map(String).join()).digest('hex')
    if (tls && now !== signature) {
      signature = now
      agent.destroy()
      agent = new https.Agent({ keepAlive: true, ...defined(material) })
    }
    const proxied = kubeConfig.getCurrentCluster()?.proxyUrl !== undefined
    return {
      agent: proxied && options.agent ? options.agent : agent,
      headers: { ...options.headers as http.OutgoingHttpHeaders },
      ...(options.auth ? { auth: options.auth } : {}),
    }
  }
}

function defined (material: https.AgentOptions): https.AgentOptions {
  return Object.fromEntries(Object.entries(material).filter(([, value]) => value !== undefined))
}

/** A kept connection may be closed by the server in the very moment it is used again: that one case is worth one retry. */
async function responseTo (send: () => http.ClientRequest, body: string | undefined): Promise<http.IncomingMessage> {
  const first = send()
  try {
    return await answer(first, body)
  } catch (error) {
    const stale = first.reusedSocket && error instanceof Error && 'code' in error && error.code === 'ECONNRESET'
    if (!stale) throw error
    return answer(send(), body)
  }
}

function answer (request: http.ClientRequest, body: string | undefined): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve)
    request.on('error', reject)
    request.end(body)
  })
}

async function textOf (response: http.IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return text
}

function isSuccess ({ statusCode = 0 }: http.IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300
}

/** The API server explains itself in a Status object; its message is what a person wants to read. */
function fail ({ method, path }: ApiRequest, { statusCode = 0 }: http.IncomingMessage, text: string): never {
  const { message, reason } = statusOf(text)
  throw apiFailure(statusCode, message ?? `${method} ${path}: HTTP ${statusCode}`, reason)
}

function statusOf (text: string): { message?: string, reason?: string } {
  try {
    const status = JSON.parse(text)
    return status?.kind === 'Status' ? status : {}
  } catch {
    return {}
  }
}
