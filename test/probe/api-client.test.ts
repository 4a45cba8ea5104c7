/** The queue of requests, an API server that asks for patience, and connections that are dead without a word. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { pino } from 'pino'
import t from 'tap'
import { type ApiClient, createApiClient, hasStatus } from '../../src/probe/api-client.ts'
import { createEventPublisher } from '../../src/probe/events.ts'
import { createFakeApiServer } from './fake-api-server.ts'

type Tap = Pick<typeof t, 'teardown'>
const log = pino({ level: 'silent' })

async function listen (server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function startServer (t: Tap, answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => answer(request, response))
  })
  t.teardown(() => { server.closeAllConnections(); server.close() })
  return listen(server)
}

function client (t: Tap, server: string): ApiClient {
  const api = createApiClient({ server, namespace: 'ns' })
  t.teardown(api.close)
  return api
}

const ok = (response: ServerResponse) => response.setHeader('content-type', 'application/json').end('{}')
const slow = (request: IncomingMessage) => request.url?.startsWith('/slow') || request.url?.includes('/events')

await t.test('no sort of request waits for another', async (t) => {
  const held: ServerResponse[] = []
  const api = client(t, await startServer(t, (request, response) => slow(request) ? held.push(response) : ok(response)))
  const lanes = ['urgent', 'slice', 'list', 'usual', 'event'] as const
  for (const quick of lanes) {
    const others = lanes.filter((lane) => lane !== quick)
    const waiting = others.flatMap((lane) => Array.from({ length: 64 }, () => api.request('GET', '/slow', { lane, deadlineMs: 10_000 })))
    let ended = 0
    for (const one of waiting) one.finally(() => { ended += 1 }).catch(() => {})
    await api.request('PATCH', '/quick', { lane: quick, deadlineMs: 60_000, body: [] })
    t.equal(ended, 0, `${quick} was answered before any of the others`)
    const release = setInterval(() => { for (const response of held.splice(0)) ok(response) }, 1)
    await Promise.all(waiting)
    clearInterval(release)
  }
})

await t.test('a label does not wait for Events that nobody answers', async (t) => {
  const held: ServerResponse[] = []
  const api = client(t, await startServer(t, (request, response) => slow(request) ? held.push(response) : ok(response)))
  const publish = createEventPublisher(api, log, 'me')
  for (let n = 0; n < 64; n += 1) publish({ namespace: 'ns', name: `c${n}`, uid: `u${n}` }, 'MasterChanged', 'a message')
  await api.request('PATCH', '/api/v1/namespaces/ns/pods/p', { lane: 'urgent', deadlineMs: 10_000, body: [] })
  t.pass()
})

await t.test('Events that nobody takes do not pile up without end', async (t) => {
  const waiting: ((value: never) => void)[] = []
  const request = () => new Promise<never>((resolve) => waiting.push(resolve))
  const publish = createEventPublisher({ request, stream: async () => {}, close: () => {} }, log, 'me')
  const say = (message: string) => publish({ namespace: 'ns', name: 'c', uid: 'u' }, 'MasterChanged', message)
  for (let n = 0; n < 2000; n += 1) say(`${n}`)
  t.equal(waiting.length, 1000)
  for (const resolve of waiting.splice(0)) resolve({} as never)
  await new Promise(setImmediate)
  say('1999')
  t.equal(waiting.length, 1, 'and what was not taken can be said later')
})

await t.test('errors carry the status, and a server that is away rejects', async (t) => {
  const fake = createFakeApiServer()
  await fake.start()
  t.teardown(fake.stop)
  const api = client(t, fake.url())
  const missing = api.request('PATCH', '/api/v1/pods/none', { body: [], deadlineMs: 1000 })
  await missing.catch((error: unknown) => t.ok(hasStatus(error, 404)))
  await t.rejects(missing, /not found/)
  await fake.stop()
  await t.rejects(api.request('GET', '/api/v1/pods', { deadlineMs: 1000 }), /ECONNREFUSED|hang up/)
  await fake.start()
})

await t.test('an overloaded API server is asked again when it says, within the deadline', async (t) => {
  const statuses: number[] = []
  let retryAfter: string | undefined
  const api = client(t, await startServer(t, (_, response) => {
    const status = statuses.shift() ?? 200
    response.statusCode = status
    if (status !== 200 && retryAfter !== undefined) response.setHeader('retry-after', retryAfter)
    ok(response)
  }))
  const request = (deadlineMs: number, mayStart = () => true) => api.request('PATCH', '/x', { lane: 'urgent', deadlineMs, body: [], mayStart })

  await t.test('until it is served', async (t) => {
    retryAfter = '0'
    statuses.push(429, 503, 429)
    t.strictSame(await request(60_000), {})
    t.strictSame(statuses, [])
  })

  await t.test('not when that is later than the deadline, and not without its word', async (t) => {
    for (const word of ['30', undefined, 'Fri, 31 Dec 2027 23:59:59 GMT']) {
      retryAfter = word
      statuses.push(429, 429)
      const answer = request(2000)
      await answer.catch((error: unknown) => t.ok(hasStatus(error, 429)))
      await t.rejects(answer, /API server answered/)
      t.strictSame(statuses.splice(0), [429], 'asked once')
    }
  })

  await t.test('not when what was right is not right any more', async (t) => {
    retryAfter = '0'
    statuses.push(429)
    let asked = 0
    await t.rejects(request(60_000, () => asked++ === 0), /overtaken/)
    t.equal(asked, 2)
  })
})

/** Forwards to the server until `cut`: then the connections that are open swallow everything, and new ones are as before. */
async function startProxy (t: Tap, server: string): Promise<{ url: string, cut: () => void }> {
  const open = new Set<Socket>()
  const proxy = createTcpServer((from) => {
    const to = connect(Number(new URL(server).port), '127.0.0.1')
    for (const [socket, other] of [[from, to], [to, from]] as const) {
      open.add(socket)
      socket.on('error', () => {}).on('close', () => { open.delete(socket); other.destroy() })
    }
    from.pipe(to).pipe(from)
  })
  t.teardown(() => { for (const socket of open) socket.destroy(); proxy.close() })
  return { url: await listen(proxy), cut: () => { for (const socket of open) socket.unpipe().pause() } }
}

await t.test('one request that gets no answer is the only one that a lost API server costs', async (t) => {
  const proxy = await startProxy(t, await startServer(t, (_, response) => ok(response)))
  const api = client(t, proxy.url)
  const request = (deadlineMs: number) => api.request('PATCH', '/x', { lane: 'urgent', deadlineMs, body: [] })
  await Promise.all(Array.from({ length: 8 }, () => request(60_000)))
  proxy.cut()
  await t.rejects(request(200), /no answer/)
  // another dead connection would hold it until this deadline, and fail it
  t.strictSame(await request(5000), {})
})
