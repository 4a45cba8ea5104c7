import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { finalizerName, hookTimeoutMs, hookUrl, parseCompositeController } from '../../src/embedded/composite-controller.ts'
import { parseConfig, readControllers } from '../../src/embedded/config.ts'
import { spend } from '../../src/embedded/events.ts'
import { retryAfterOf } from '../../src/embedded/hook-client.ts'
import { createStore } from '../../src/embedded/informer.ts'
import { parseCustomizeResponse, parseSyncResponse } from '../../src/embedded/response.ts'
import { controllerDocument, fixture, hook, syncOnly } from './driver.ts'
import type { KubeObject } from '../../src/embedded/objects.ts'

const service = { name: 'web', namespace: 'ops', port: 8080 }
const withWebhook = (webhook: object) => parseCompositeController(syncOnly({ hooks: { sync: { version: 'v2', webhook } } })).spec.hooks.sync

await t.test('arguments: files and folders, with or without the flag before each', (t) => {
  const config = parseConfig(['--controllers', 'a', 'b.yaml', '--controllers', 'c', '--hook-base-url', 'http://127.0.0.1:8080/'], { METRICS_PORT: '9090' })
  t.strictSame(config, {
    help: false, controllers: ['a', 'c', 'b.yaml'], kubeconfig: undefined, hookBaseUrl: 'http://127.0.0.1:8080', logLevel: 'info', metricsPort: 9090,
  })
  t.ok(Object.isFrozen(config))
  t.throws(() => parseConfig([], {}), /--controllers is required/)
  t.throws(() => parseConfig(['--what'], {}), /--what/)
  t.throws(() => parseConfig(['x', '--hook-base-url', 'localhost:80/path'], {}), /must be like/)
  t.throws(() => parseConfig(['x'], { LOG_LEVEL: 'loud' }), /LOG_LEVEL/)
  t.ok(parseConfig(['--help'], {}).help)
  t.end()
})

await t.test('a folder gives its CompositeControllers and leaves the rest out', (t) => {
  const folder = t.testdir({ 'a.yaml': '', 'kustomization.yaml': 'kind: Kustomization\nresources: [a.yaml]\n', 'notes.txt': ':' })
  writeFileSync(join(folder, 'a.yaml'), `kind: Other\n---\n${JSON.stringify(controllerDocument())}\n`)
  t.strictSame(readControllers([folder]).map(({ metadata: { name } }) => name), ['redis-operator-redis-sentinel'])
  t.throws(() => readControllers([folder, folder]), /twice/)
  t.throws(() => readControllers([join(folder, 'kustomization.yaml')]), /no CompositeController/)
  t.throws(() => readControllers([join(folder, 'missing.yaml')]), /ENOENT/)
  t.end()
})

await t.test('a hook is sent the document as it stands, with a status as the API server gives it', (t) => {
  const { status: _status, ...document } = syncOnly() as Record<string, unknown>
  t.strictSame(parseCompositeController(document).document, { status: {}, ...document })
  t.end()
})

await t.test('what the driver cannot do it refuses at the start, all reasons at once', (t) => {
  t.throws(() => parseCompositeController(syncOnly({
    generateSelector: false,
    childResources: [{ apiVersion: 'v1', resource: 'pods', updateStrategy: { method: 'RollingRecreate' } }],
    hooks: { sync: { version: 'v1', webhook: { url: 'http://x', etag: { enabled: true }, authorization: {} } } },
  })), /version must be v2.*etag.*authorization.*generateSelector.*RollingRecreate of pods/s)
  t.throws(() => parseCompositeController(syncOnly({ hooks: { finalize: hook('/f') } })), /hooks.sync is required/)
  t.throws(() => parseCompositeController(syncOnly({ hooks: { sync: { version: 'v2', webhook: { path: '/x' } } } })), /a service and a path/)
  t.throws(() => parseCompositeController({ kind: 'CompositeController' }), /apiVersion/)
  t.end()
})

await t.test('the address of a hook', (t) => {
  for (const [webhook, base, url] of [
    [{ service, path: '/v1/sync' }, undefined, 'http://web.ops:8080/v1/sync'],
    [{ service: { name: 'web', namespace: 'ops', protocol: 'https' }, path: '/s' }, undefined, 'https://web.ops:80/s'],
    [{ url: 'http://elsewhere/s?a=b', service, path: '/x' }, undefined, 'http://elsewhere/s?a=b'],
    [{ service, path: '/v1/sync' }, 'http://127.0.0.1:9', 'http://127.0.0.1:9/v1/sync'],
    [{ url: 'https://elsewhere:1/s?a=b' }, 'http://127.0.0.1:9', 'http://127.0.0.1:9/s?a=b'],
  ] as const) {
    const parsed = withWebhook(webhook)
    t.equal(parsed && hookUrl(parsed, base), url)
  }
  t.equal(finalizerName(parseCompositeController(syncOnly())), 'metacontroller.io/compositecontroller-redis-operator-redis-sentinel')
  t.end()
})

await t.test('the timeout of a hook is a Go duration, ten seconds without one', (t) => {
  const timeouts = { '5s': 5000, '1m30s': 90_000, '250ms': 250, '1.5s': 1500, '0s': 10_000, '-5s': 10_000, soon: 10_000, '': 10_000 }
  for (const [timeout, ms] of Object.entries(timeouts)) {
    const parsed = withWebhook({ url: 'http://x', timeout })
    t.equal(parsed && hookTimeoutMs(parsed), ms, timeout)
  }
  t.end()
})

await t.test('Retry-After is whole seconds or a date; anything else is at once', (t) => {
  const now = Date.parse('2026-01-01T00:00:00.400Z')
  t.strictSame(['7', 'Thu, 01 Jan 2026 00:00:10 GMT', '1.5', 'later', '2026-01-01', null].map((header) => retryAfterOf(header, now)), [7, 10, 0, 0, 0, 0])
  t.end()
})

await t.test('answers: nulls and absent fields are empty, loose lets unknown fields pass', (t) => {
  const empty = { status: {}, children: [], resyncAfterSeconds: 0, finalized: false }
  t.strictSame(parseSyncResponse('{}', 'strict'), empty)
  t.strictSame(parseSyncResponse('{"status":null,"children":null,"resyncAfterSeconds":null,"finalized":null}', 'strict'), empty)
  t.strictSame(parseSyncResponse('{"unknown":1}', 'loose'), empty)
  t.strictSame(parseSyncResponse('{"status":{"status":1,"a":{"children":"\\"}{"}},"finalized":true}', 'strict').status, { status: 1, a: { children: '"}{' } })
  t.throws(() => parseSyncResponse('{"unknown":1}', 'strict'), /unknown/)
  t.throws(() => parseSyncResponse('null', 'strict'))
  t.end()
})

await t.test('customize answers: unknown fields of a rule and null rules fail', (t) => {
  const rule = { apiVersion: 'v1', resource: 'pods', labelSelector: { matchLabels: { a: 'b' } }, namespace: 'ns' }
  t.strictSame(parseCustomizeResponse(JSON.stringify({ relatedResources: [rule] }), 'strict'), [rule])
  t.strictSame(parseCustomizeResponse('{}', 'strict'), [])
  t.throws(() => parseCustomizeResponse(JSON.stringify({ relatedResources: [{ ...rule, label: 'x' }] }), 'strict'), /label/)
  t.throws(() => parseCustomizeResponse('{"relatedResources":[null]}', 'strict'))
  t.end()
})

await t.test('an object has 25 events at once and then one in five minutes', (t) => {
  let bucket: ReturnType<typeof spend>
  for (let i = 0; i < 25; i++) bucket = spend(bucket, 0)
  t.equal(spend(bucket, 299_000), undefined)
  t.ok(spend(bucket, 300_000))
  t.end()
})

await t.test('the store finds objects by key and by controller and tells what changed', (t) => {
  const store = createStore()
  const [object = {} as KubeObject] = Object.values(fixture('sync-settled').children['ConfigMap.v1'] ?? {})
  const uid = object.metadata.ownerReferences?.[0]?.uid ?? ''
  t.strictSame(store.set(object), { type: 'added', object })
  t.equal(store.set({ ...object }), undefined, 'the same resourceVersion is no news')
  t.strictSame(store.ownedBy(uid), [object])
  const orphan = { ...object, metadata: { ...object.metadata, ownerReferences: [], resourceVersion: '9999' } }
  t.strictSame(store.set(orphan), { type: 'updated', object: orphan, old: object })
  t.strictSame([store.ownedBy(uid), store.ownedBy('')], [[], [orphan]])
  t.strictSame(store.remove(orphan), { type: 'deleted', object: orphan })
  t.equal(store.remove(orphan), undefined)
  t.strictSame(store.list(), [])
  t.end()
})
