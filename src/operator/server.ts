/** The webhook: HTTP around the pure hook. It is built here and listens in main.ts. */
import Fastify, {
  LogController, type FastifyBaseLogger, type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest
} from 'fastify'
import { z } from 'zod'
import { customize, type KindName, KINDS, REVISION, sync } from '../hook/kinds.ts'
import { boundIntake } from './intake.ts'
import type { Metrics } from './metrics.ts'

/** Requests carry whole objects with managedFields and no bound of their own (metacontroller.md 1.1). */
const BODY_LIMIT = 32 * 1024 * 1024
/** Real requests have some hundred kilobytes, and Metacontroller has five workers. */
const INTAKE_LIMIT = 2 * BODY_LIMIT
/** Go keeps idle connections for 90 s; a server that closes first makes a sync fail (metacontroller.md 1.1). */
const KEEP_ALIVE_MS = 95_000
/** Metacontroller gives up after 10 s. */
const REQUEST_TIMEOUT_MS = 30_000
const RETRY_SECONDS = 5

export interface Dependencies {
  readonly logger: FastifyBaseLogger
  readonly metrics: Metrics
  readonly now: () => Date
}

export function buildServer ({ logger, metrics, now }: Dependencies): FastifyInstance {
  const server = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    // the default turns a __proto__ key into a 400, which is what we want
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
  })
  server.server.headersTimeout = KEEP_ALIVE_MS + 5_000
  boundIntake(server, INTAKE_LIMIT)
  // Fastify reads text as a string that is no request: a 415 says more
  server.removeContentTypeParser('text/plain')
  // what curl -d says of any body, so that a person needs no further flag (design 2.3)
  server.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, server.getDefaultJsonParser('error', 'error'))

  server.get('/healthz', () => ({ status: 'ok' }))
  server.get('/readyz', () => ({ status: 'ok' }))
  for (const name of Object.keys(KINDS) as KindName[]) addKind(server, name, now)
  server.setErrorHandler(answerError)
  server.setNotFoundHandler(answerNotFound)
  server.addHook('onResponse', async (request, reply) => {
    const hook = request.routeOptions.config.hook
    if (hook === undefined) return
    metrics.answered(hook, reply.statusCode, reply.elapsedTime / 1000)
    request.log.debug({ hook, code: reply.statusCode, milliseconds: reply.elapsedTime, parent: request.parent }, 'hook answered')
  })
  server.decorateRequest('parent')
  return server
}

interface ParentName {
  readonly namespace?: string | undefined
  readonly name: string
  readonly uid?: string | undefined
  readonly generation?: number | undefined
}

declare module 'fastify' {
  interface FastifyRequest { parent?: ParentName }
  interface FastifyContextConfig { hook?: string }
}

function addKind (server: FastifyInstance, name: KindName, now: () => Date): void {
  const kind = KINDS[name]
  server.post(`/:revision/${name}/sync`, { config: { hook: `${name}/sync` } }, (request, reply) => {
    if (!ours(request, reply)) return reply
    const body = parse(kind.syncRequest, request)
    return sync(kind, body, now())
  })
  server.post(`/:revision/${name}/customize`, { config: { hook: `${name}/customize` } }, (request, reply) => {
    if (!ours(request, reply)) return reply
    return customize(kind, parse(kind.customizeRequest, request).parent)
  })
}

/** Another revision's caller waits until its own webhook answers: nothing is touched, no event (metacontroller.md 10.5). */
function ours (request: FastifyRequest, reply: FastifyReply): boolean {
  const { revision } = request.params as { revision: string }
  if (revision === REVISION) return true
  reply.code(429).header('Retry-After', String(RETRY_SECONDS))
    .send({ error: `this webhook answers contract revision ${REVISION}, not ${revision}` })
  return false
}

/** Throws a 400 that names every wrong field. Values are not repeated: they may be secret. */
function parse<S extends z.ZodType<{ parent: { metadata: ParentName } }>> (schema: S, request: FastifyRequest): z.output<S> {
  const parsed = schema.safeParse(request.body ?? undefined)
  if (!parsed.success) throw Object.assign(new Error(z.prettifyError(parsed.error)), { statusCode: 400 })
  const { namespace, name, uid, generation } = parsed.data.parent.metadata
  request.parent = { namespace, name, uid, generation }
  return parsed.data
}

/** The body goes into an event on the CR (metacontroller.md 1.1): a sentence for its owner, no stack. */
function answerError (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // nothing that the API server has checked is that deep
  if (error instanceof RangeError && error.statusCode === undefined) {
    request.log.error({ err: error, parent: request.parent, url: request.url }, 'request too deep')
    return reply.code(400).send({ error: 'the request is nested too deeply' })
  }
  const code = error.statusCode ?? 500
  if (code >= 500) request.log.error({ err: error, parent: request.parent, url: request.url }, 'hook failed')
  else request.log.warn({ code, reason: error.message, url: request.url }, 'request refused')
  return reply.code(code).send({ error: error.message })
}

function answerNotFound (request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const hooks = (Object.keys(KINDS) as KindName[]).flatMap((name) => [`POST /${REVISION}/${name}/sync`, `POST /${REVISION}/${name}/customize`])
  return reply.code(404).send({ error: `no ${request.method} ${request.url.split('?')[0]} here; there are ${hooks.join(', ')}, GET /healthz, GET /readyz` })
}
