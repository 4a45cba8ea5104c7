/**
 * The few calls to the API server that the probe makes, as plain JSON over node:https. Why not @kubernetes/client-node:
 * docs/adr/0001-thin-api-client.md (80 MB of RSS).
 */
import http from 'node:http'
import https from 'node:https'
import type { Credentials } from './credentials.ts'

export interface ApiClient {
  readonly request: <Reply>(method: Method, path: string, options: RequestOptions) => Promise<Reply>
  /** Calls back with each line of the answer; resolves when the server ends it, rejects when it breaks or the deadline passes. */
  readonly stream: (path: string, onLine: (line: string) => void, options: StreamOptions) => Promise<void>
  readonly close: () => void
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH'

interface RequestOptions {
  readonly deadlineMs: number
  readonly body?: unknown
  readonly contentType?: string
  /** Asked when the request's turn comes: what was right when it was queued may not be right any more. */
  readonly mayStart?: () => boolean
}

interface StreamOptions {
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

interface ApiError extends Error {
  readonly status: number
}

function isApiError (error: unknown): error is ApiError {
  return error instanceof Error && typeof (error as Partial<ApiError>).status === 'number'
}

export function hasStatus (error: unknown, ...statuses: number[]): boolean {
  return isApiError(error) && statuses.includes(error.status)
}

const KEEPALIVE_MS = 10_000
/** Requests under way at once; the rest queue, and their deadline begins when their turn comes. */
const MAX_REQUESTS = 32
const MAX_ERROR_BODY = 4096

export function createApiClient (credentials: Credentials): ApiClient {
  const { server, ca, cert, key } = credentials
  const secure = server.startsWith('https:')
  const tls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
  const settings = { keepAlive: true, keepAliveMsecs: KEEPALIVE_MS }
  const agent = secure ? new https.Agent({ ...settings, ...tls }) : new http.Agent(settings)

  async function open (method: Method, path: string, body: Body | undefined, signal: AbortSignal): Promise<http.IncomingMessage> {
    const token = await credentials.token?.()
    const headers = {
      accept: 'application/json',
      'user-agent': 'sentinel-probe',
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': body.type, 'content-length': Buffer.byteLength(body.text) }),
    }
    return new Promise((resolve, reject) => {
      const request = (secure ? https : http).request(server.replace(/\/$/, '') + path, { method, agent, headers, signal })
      request.on('response', resolve).on('error', reject)
      request.end(body?.text)
    })
  }

  const inTurn = queue(MAX_REQUESTS)
  return {
    request: <Reply>(method: Method, path: string, options: RequestOptions) => inTurn(async () => {
      const { deadlineMs, body, contentType = 'application/json', mayStart } = options
      if (mayStart && !mayStart()) throw new Error('request overtaken while it was queued')
      const sent = body === undefined ? undefined : { text: JSON.stringify(body), type: contentType }
      const response = await open(method, path, sent, AbortSignal.timeout(deadlineMs))
      const text = await readText(response)
      if (!isSuccess(response)) throw apiError(response, text)
      return JSON.parse(text) as Reply
    }),
    stream: async (path, onLine, { deadlineMs, signal }) => {
      const response = await open('GET', path, undefined, AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]))
      if (!isSuccess(response)) throw apiError(response, await readText(response))
      await readLines(response, onLine)
    },
    close: () => agent.destroy(),
  }
}

function queue (limit: number): <Value>(task: () => Promise<Value>) => Promise<Value> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (task) => {
    if (running < limit) running += 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }
}

interface Body { readonly text: string, readonly type: string }

function isSuccess ({ statusCode = 0 }: http.IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300
}

async function readText (response: http.IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response) text += chunk as string
  return text
}

async function readLines (response: http.IncomingMessage, onLine: (line: string) => void): Promise<void> {
  response.setEncoding('utf8')
  let rest = ''
  for await (const chunk of response) {
    const lines = (rest + (chunk as string)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') onLine(line)
  }
}

function apiError (response: http.IncomingMessage, text: string): ApiError {
  return Object.assign(new Error(`API server answered: ${messageOf(text)}`), { status: response.statusCode ?? 0 })
}

function messageOf (text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    if (typeof message === 'string') return message.slice(0, MAX_ERROR_BODY)
  } catch {
    // Not a Status object: a proxy's page. Its head says enough.
  }
  return text.slice(0, MAX_ERROR_BODY)
}
