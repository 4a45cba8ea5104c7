/** Of src/operator/server.ts and metrics.ts, at the HTTP border. */
import { Writable } from 'node:stream'
import { pino } from 'pino'
import request from 'supertest'
import t, { type Test } from 'tap'
import { buildMetricsServer, metrics } from '../../src/operator/metrics.ts'
import { buildServer } from '../../src/operator/server.ts'
import { customizeRequest, KIND_NAMES, NOW, recorded, redis, resource, settled, syncRequest, text } from '../fixtures.ts'

/** A webhook that has not been told to listen, and what it logged. */
async function webhook (t: Test, now = () => NOW) {
  const log: string[] = []
  const logger = pino({ level: 'trace' }, new Writable({ write: (chunk, _, done) => { log.push(String(chunk)); done() } }))
  const measured = metrics()
  const [server, metricsServer] = [buildServer({ logger, metrics: measured, now }), buildMetricsServer(measured.registry)]
  await Promise.all([server.ready(), metricsServer.ready()])
  t.teardown(() => Promise.all([server.close(), metricsServer.close()]))
  return { server: server.server, metricsServer: metricsServer.server, log }
}
const JSON_TYPE = { 'Content-Type': 'application/json' }

for (const name of KIND_NAMES) {
  t.test(`${name}: sync and customize answer 200 with JSON`, async (t) => {
    const { server } = await webhook(t)
    const sync = await request(server).post(`/v1/${name}/sync`).send(settled(name).request).expect(200).expect('Content-Type', /^application\/json/)
    t.strictSame(sync.body, settled(name).response)
    const customize = await request(server).post(`/v1/${name}/customize`).send(customizeRequest(name)).expect(200).expect('Content-Type', /^application\/json/)
    t.match(customize.body, { relatedResources: [{ namespace: 'shop' }] })
  })

  t.test(`${name}: an answer has the fields that a strict Metacontroller knows, and no others`, async (t) => {
    const { server } = await webhook(t)
    const first = await request(server).post(`/v1/${name}/sync`).send(syncRequest(name))
    t.strictSame(Object.keys(first.body as object).sort(), ['children', 'resyncAfterSeconds', 'status'])
    t.strictSame(Object.keys((await request(server).post(`/v1/${name}/customize`).send(customizeRequest(name))).body as object), ['relatedResources'])
  })

  for (const hook of ['sync', 'customize']) {
    t.test(`${name}/${hook}: another revision waits, with whole seconds`, async (t) => {
      const { server } = await webhook(t)
      for (const revision of ['v0', 'v2', '0.1.0']) {
        const { body, headers } = await request(server).post(`/${revision}/${name}/${hook}`).send(syncRequest(name)).expect(429)
        t.match(headers['retry-after'], /^[1-9]\d*$/)
        t.match(body, { error: `this webhook answers contract revision v1, not ${revision}` })
      }
    })

    t.test(`the request in test/requests/${name}-${hook}.json is answered`, async (t) => {
      const { server } = await webhook(t)
      const file = text(`test/requests/${name}-${hook}.json`)
      await request(server).post(`/v1/${name}/${hook}`).set(JSON_TYPE).send(file).expect(200)
      // the content type of curl -d @file without further flags
      await request(server).post(`/v1/${name}/${hook}`).set('Content-Type', 'application/x-www-form-urlencoded').send(file).expect(200)
      t.notMatch(file, /managedFields/)
    })
  }
}

t.test('requests as the real Metacontroller sent them are answered', async (t) => {
  const { server } = await webhook(t)
  for (const name of ['sync-first', 'sync-creating', 'sync-settled']) await request(server).post('/v1/redis-sentinel/sync').send(recorded(name)).expect(200)
  await request(server).post('/v1/redis-sentinel/customize').send(recorded('customize')).expect(200)
})

t.test('an invalid spec is an answer, not an error', async (t) => {
  const { server } = await webhook(t)
  const { body } = await request(server).post('/v1/redis/sync').send(syncRequest('redis', { parent: redis({ image: 7 }) })).expect(200)
  t.match(body, { status: { phase: 'Error' }, children: [] })
})

const MARKER = 'MARKER-of-a-secret'
const valid = JSON.stringify(syncRequest('redis'))
const wrong: readonly (readonly [what: string, code: number, body: string, type?: string, path?: string])[] = [
  ['malformed JSON', 400, `{"parent": ${MARKER}`],
  ['a truncated body', 400, valid.slice(0, -20)],
  ['no body', 400, ''],
  ['null', 400, 'null'],
  ['a list', 400, '[]'],
  ['a string', 400, `"${MARKER}"`],
  ['an empty object', 400, '{}'],
  ['lists nested a million deep', 400, '['.repeat(1e6)],
  ['objects nested deep in place of the children', 400, valid.replace('"children":{', `"children":{"a":${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)},`)],
  ['lists nested deep in place of a length', 400, valid.replace(/"size":"\w+"/, `"size":{"length":${'['.repeat(20_000)}${']'.repeat(20_000)}}`)],
  ['a parent of another kind', 400, JSON.stringify(syncRequest('redis', { parent: resource('redis-sentinel') }))],
  ['a parent without a namespace', 400, JSON.stringify(syncRequest('redis', { parent: { ...redis(), metadata: { name: MARKER, uid: 'u' } } }))],
  ['a poisoned prototype', 400, valid.replace('"parent":{', `"parent":{"__proto__":{"x":"${MARKER}"},`)],
  ['a poisoned constructor', 400, valid.replace('"parent":{', `"parent":{"constructor":{"prototype":{"x":"${MARKER}"}},`)],
  ['poison from curl', 400, valid.replace('"parent":{', '"parent":{"__proto__":{"x":1},'), 'application/x-www-form-urlencoded'],
  ['malformed JSON from curl', 400, `${MARKER}`, 'application/x-www-form-urlencoded'],
  ['text', 415, valid, 'text/plain'],
  ['XML', 415, '<a/>', 'application/xml'],
  ['an unknown kind', 404, valid, 'application/json', '/v1/valkey/sync'],
  ['an unknown hook', 404, valid, 'application/json', '/v1/redis/finalize'],
  ['an unknown path', 404, valid, 'application/json', '/'],
]
for (const [what, code, body, type = 'application/json', path = '/v1/redis/sync'] of wrong) {
  t.test(`${what} is refused with ${code} and a sentence`, async (t) => {
    const { server, log } = await webhook(t)
    const answer = await request(server).post(path).set('Content-Type', type).send(body)
    t.equal(answer.status, code)
    t.match((answer.body as { error: string }).error, /\w+ \w+/)
    t.notMatch(answer.text, /MARKER|node_modules|\bat .*\.ts/, 'no body and no stack in the answer')
    t.notMatch(log.join(''), /MARKER/, 'no body in the log')
    t.equal(({} as { x?: unknown }).x, undefined)
  })
}

t.test('the message names every wrong field', async (t) => {
  const { server } = await webhook(t)
  const { body } = await request(server).post('/v1/redis/sync').send({ ...syncRequest('redis'), controller: undefined, children: 7 }).expect(400)
  t.match(body, { error: /controller[^]*children/ })
})

t.test('another method on a hook\'s path is told what there is', async (t) => {
  const { server } = await webhook(t)
  for (const method of ['get', 'put', 'delete'] as const) {
    const { body } = await request(server)[method]('/v1/redis/sync').expect(404)
    t.match(body, { error: `no ${method.toUpperCase()} /v1/redis/sync here; there are POST /v1/redis/sync, POST /v1/redis/customize, POST /v1/redis-sentinel/sync` })
  }
})

t.test('a request of ten MiB is answered, one of 33 is too large', async (t) => {
  const { server } = await webhook(t)
  const sized = (mebibytes: number) => JSON.stringify(syncRequest('redis', { parent: { ...redis(), metadata: { ...redis().metadata, annotations: { big: 'x'.repeat(mebibytes * 2 ** 20) } } } }))
  await request(server).post('/v1/redis/sync').set(JSON_TYPE).send(sized(10)).expect(200)
  const { body } = await request(server).post('/v1/redis/sync').set(JSON_TYPE).send(sized(33)).expect(413)
  t.match(body, { error: /too large/ })
})

t.test('two hundred syncs at the same time are all answered, each with its own answer', async (t) => {
  const { server } = await webhook(t)
  const names = Array.from({ length: 200 }, (_, n) => `cache-${n}`)
  const answers = await Promise.all(names.map((name) => request(server).post('/v1/redis-sentinel/sync')
    .send(syncRequest('redis-sentinel', { parent: resource('redis-sentinel', { metadata: { name } }) })).expect(200)))
  const first = answers.map(({ body }) => (body as { children: { metadata: { name: string } }[] }).children[0]?.metadata.name)
  t.strictSame(first.map((name) => name?.replace(/^(cache-\d+).*/, '$1')), names)
})

t.test('a client that never sends the rest of its body is cut off', async (t) => {
  const { server } = await webhook(t)
  t.match(server, { requestTimeout: 30_000, headersTimeout: 100_000 })
})

t.test('a bug of the hook is a 500 with a sentence; the stack is for the log', async (t) => {
  const { server, log } = await webhook(t, () => { throw new Error('something broke') })
  const { text } = await request(server).post('/v1/redis/sync').send(syncRequest('redis')).expect(500)
  t.equal(text, '{"error":"something broke"}')
  const [entry] = log.map((line) => JSON.parse(line) as { msg: string }).filter(({ msg }) => msg === 'hook failed')
  t.match(entry, { level: 50, err: { message: 'something broke', stack: /server\.test\.ts/ }, parent: { namespace: 'shop', name: 'demo' }, url: '/v1/redis/sync' })
})

t.test('an answer that would do harm is not sent', async (t) => {
  const { server } = await webhook(t)
  const { controller } = syncRequest('redis') as { controller: { spec: object } }
  const fewer = { ...controller, spec: { ...controller.spec, childResources: [{ apiVersion: 'v1', resource: 'services' }] } }
  const { body } = await request(server).post('/v1/redis/sync').send(syncRequest('redis', { controller: fewer })).expect(500)
  t.match(body, { error: /does not declare v1\/configmaps/ })
})

t.test('the log says whose request it was and never what was in it', async (t) => {
  const { server, log } = await webhook(t)
  const parent = redis({ image: `redis:${MARKER}` }, { metadata: { annotations: { note: MARKER } } })
  await request(server).post('/v1/redis/sync').send(syncRequest('redis', { parent })).expect(200)
  await request(server).post('/v1/redis/sync').send(syncRequest('redis', { parent, children: { a: { [MARKER]: null } } as never })).expect(400)
  t.match(log.map((line) => JSON.parse(line) as object).find((entry) => 'hook' in entry), {
    msg: 'hook answered', hook: 'redis/sync', code: 200, parent: { namespace: 'shop', name: 'demo', uid: /./, generation: 1 },
  })
  t.notMatch(log.join(''), new RegExp(`redis:${MARKER}|"note"`))
})

t.test('it is alive and ready from the start', async (t) => {
  const { server } = await webhook(t)
  for (const path of ['/healthz', '/readyz']) t.strictSame((await request(server).get(path).expect(200)).body, { status: 'ok' })
})

t.test('connections outlive the 90 seconds for which Go keeps them', async (t) => {
  const { server } = await webhook(t)
  t.ok(server.keepAliveTimeout >= 95_000)
  t.ok(server.headersTimeout > server.keepAliveTimeout)
})

t.test('metrics are on a port of their own and count answers by hook and code', async (t) => {
  const { server, metricsServer } = await webhook(t)
  await request(server).post('/v1/redis/sync').send(syncRequest('redis')).expect(200)
  await request(server).post('/v1/redis/sync').send({}).expect(400)
  await request(server).post('/nowhere').send({}).expect(404)
  const { text } = await request(metricsServer).get('/metrics').expect(200).expect('Content-Type', /^text\/plain/)
  t.match(text, 'redis_operator_hook_requests_total{hook="redis/sync",code="200"} 1')
  t.match(text, 'redis_operator_hook_requests_total{hook="redis/sync",code="400"} 1')
  t.notMatch(text, /code="404"/)
  t.match(text, 'redis_operator_hook_duration_seconds_count{hook="redis/sync"} 2')
  t.match(text, 'process_resident_memory_bytes')
  await request(server).get('/metrics').expect(404)
})
