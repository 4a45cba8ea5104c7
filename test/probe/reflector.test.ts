/** Watching an API server whose etcd was restored from a backup: its counter, and everything, is as it was some time before. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import t from 'tap'
import { createApiClient } from '../../src/probe/api-client.ts'
import { type KubeObject, type Reflector, startReflector, type Stored } from '../../src/probe/reflector.ts'
import { until } from './lab.ts'

type Facts = Stored & { readonly role: string }
type Pod = KubeObject & { readonly role?: string }
type Tap = Pick<typeof t, 'teardown'>

const log = pino({ level: 'silent' })
const pod = (name: string, version: number, role: string): Pod => ({ metadata: { name, namespace: 'ns', resourceVersion: `${version}` }, role })

/** What it lists, and how it answers a watch: `status`, or a stream that stays open; 'silent': one that ends without a word. */
async function startServer (t: Tap) {
  const state = { version: 1000, items: [] as Pod[], status: 200 as number | 'silent', lists: 0, watched: [] as (string | null)[], streams: new Set<ServerResponse>() }
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x')
    if (!url.searchParams.has('watch')) {
      state.lists += 1
      const page = Number(url.searchParams.get('continue') ?? 0)
      const more = page + 1 < state.items.length ? { continue: `${page + 1}` } : {}
      response.end(JSON.stringify({ metadata: { resourceVersion: `${state.version}`, ...more }, items: state.items.slice(page, page + 1) }))
      return
    }
    state.watched.push(url.searchParams.get('resourceVersion'))
    if (state.status === 'silent') response.end()
    else if (state.status !== 200) response.writeHead(state.status, { 'retry-after': '0' }).end('{"message":"Too large resource version"}')
    else {
      response.flushHeaders()
      state.streams.add(response)
      response.on('close', () => state.streams.delete(response))
    }
  }).listen(0, '127.0.0.1')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  await once(server, 'listening')
  const api = createApiClient({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, namespace: 'ns' })
  t.teardown(api.close)
  const reflector: Reflector<Facts> = startReflector<Facts>({
    api,
    log,
    path: '/pods',
    trim: (object: Pod) => ({ resourceVersion: object.metadata.resourceVersion ?? '', role: object.role ?? '' }),
    onChange: () => {},
  })
  t.teardown(reflector.stop)
  const send = (type: string, object: Pod | object) => { for (const stream of state.streams) stream.write(`${JSON.stringify({ type, object })}\n`) }
  const cut = () => { for (const stream of state.streams) stream.destroy() }
  const watched = () => until('it is watched', () => state.streams.size === 1)
  return { state, reflector, send, cut, watched }
}

for (const status of [410, 504, 'silent'] as const) {
  await t.test(`a watch that is answered ${status} after a restore ends in a list, and the list replaces what was known`, async (t) => {
    const { state, reflector, send, cut, watched } = await startServer(t)
    state.items = [pod('a', 900, 'master'), pod('b', 901, 'slave')]
    await watched()
    t.equal(reflector.get('ns/a')?.role, 'master')

    Object.assign(state, { version: 500, items: [pod('a', 400, 'slave'), pod('c', 401, 'master')], status })
    cut()
    await until('it listed', () => reflector.get('ns/c') !== undefined)
    state.status = 200
    await watched()
    t.equal(reflector.get('ns/a')?.role, 'slave', 'an older version, for it is what is there now')
    t.equal(reflector.get('ns/b'), undefined)
    t.equal(state.watched.at(-1), '500')

    send('MODIFIED', pod('a', 501, 'master'))
    await until('events of the new history count', () => reflector.get('ns/a')?.role === 'master')
    send('MODIFIED', pod('a', 499, 'slave'))
    send('MODIFIED', pod('c', 502, 'slave'))
    await until('the next event', () => reflector.get('ns/c')?.role === 'slave')
    t.equal(reflector.get('ns/a')?.role, 'master', 'an event that is older than what is known does not')
  })
}

await t.test('a broken connection is no reason for a list, nor is an overloaded server', async (t) => {
  const { state, reflector, send, cut, watched } = await startServer(t)
  for (const version of [1001, 1002, 1003]) {
    await watched()
    send('MODIFIED', pod('a', version, 'slave'))
    await until('it is seen', () => reflector.get('ns/a')?.resourceVersion === `${version}`)
    const before = state.watched.length
    cut()
    await until('it is watched from there', () => state.watched.length > before)
    t.equal(state.watched.at(-1), `${version}`)
  }
  await watched()
  const before = state.watched.length
  state.status = 429
  cut()
  await until('it asked often', () => state.watched.length > before + 4)
  t.equal(state.lists, 1)
})

await t.test('a watch that is never allowed leads to fewer and fewer lists', async (t) => {
  const { state } = await startServer(t)
  state.status = 403
  await until('it asked often', () => state.watched.length >= 7)
  t.equal(state.lists, 3, 'the first one, and after the second and the fourth attempt')
})
