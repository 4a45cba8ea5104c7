import t from 'tap'
import { configMap, events, parent, settle, start, statusWrites, syncOnly, until } from './driver.ts'

const oneChild = { body: { children: [configMap('one')] } }

await t.test('429 touches nothing, writes no event and comes back after Retry-After', async (t) => {
  const driver = await start(t, {}, ({ api, answer }) => {
    api.put(parent())
    answer((_body, call) => call === 1 ? { code: 429, headers: { 'retry-after': '1' } } : oneChild)
  })
  const { api, calls } = driver
  await until(() => calls.length === 1)
  await settle()
  t.equal(api.writes.length, 0)
  await until(() => api.get('ConfigMap', 'one'))
  const [first, second] = calls
  t.ok((second?.at ?? 0) - (first?.at ?? 0) >= 990, 'not before the second is over')
  t.equal(events(driver).length, 0)
})

await t.test('any other code is a SyncError: an event, a retry, children and status untouched', async (t) => {
  const driver = await start(t, {}, ({ api, answer }) => {
    api.put(parent())
    answer((_body, call) => call < 3 ? { code: call === 1 ? 500 : 204, body: 'broken' } : oneChild)
  })
  await until(() => driver.api.get('ConfigMap', 'one'))
  const [event] = events(driver)
  t.match(event?.body, {
    reason: 'SyncError',
    type: 'Warning',
    source: { component: 'metacontroller' },
    message: 'Sync error: sync hook failed (version=v2): unsupported status code: 500 body: broken',
    involvedObject: { kind: 'RedisSentinel', name: 'a', namespace: 'default' },
  })
  t.strictSame(driver.api.writes.slice(0, 2).map(({ path }) => path), ['/api/v1/namespaces/default/events', '/api/v1/namespaces/default/events'])
})

await t.test('a hook that answers too late is a SyncError, counted without a code', async (t) => {
  const document = syncOnly({ hooks: { sync: { version: 'v2', webhook: { url: 'http://webhook.invalid/sync', timeout: '50ms' } } } })
  const driver = await start(t, { document }, ({ api, answer }) => {
    api.put(parent())
    answer((_body, call) => call === 1 ? { delayMs: 200 } : oneChild)
  })
  await until(() => driver.api.get('ConfigMap', 'one'))
  t.match(events(driver)[0]?.body['message'], /sync hook failed \(version=v2\): .*timeout/)
  t.match(await driver.metrics.text(), /embedded_hook_requests_total\{hook="sync",code="none"\} 1/)
})

await t.test('repeated failures count up one event, not many, and the retries become slower', async (t) => {
  const driver = await start(t, {}, ({ api, answer }) => {
    api.put(parent())
    answer(() => ({ code: 500, body: 'x' }))
  })
  await until(() => driver.calls.length >= 5)
  await until(() => events(driver).length >= 4)
  t.equal(events(driver).filter(({ method }) => method === 'POST').length, 1)
  const gaps = driver.calls.slice(1).map(({ at }, i) => at - (driver.calls[i]?.at ?? 0))
  t.ok((gaps[3] ?? 0) >= 35, 'the fourth retry waits 40 ms')
})

for (const [what, body, message] of [
  ['a null child', { children: [null] }, /null child/],
  ['a child of an undeclared kind', { children: [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } }] }, /not one of the CompositeController's childResources/],
  ['a child of another version', { children: [{ apiVersion: 'policy/v1beta1', kind: 'PodDisruptionBudget', metadata: { name: 's' } }] }, /childResources/],
  ['an unknown field', { children: [], childen: [] }, /childen/],
  ['a field twice', '{"children":[],"status":{},"children":[]}', /duplicate field children/],
  ['a status that is not an object', { status: 'fine' }, /status/],
  ['a resyncAfterSeconds that is not a number', { resyncAfterSeconds: '5' }, /resyncAfterSeconds/],
  ['a child without kind', { children: [{ apiVersion: 'v1', metadata: { name: 's' } }] }, /kind/],
  ['another value of the selector label', { children: [configMap('s', {}, { labels: { 'controller-uid': 'x' } })] }, /don't match parent selector/],
  ['no JSON', 'hello', /not JSON/],
] as const) {
  await t.test(`${what} fails the sync and deletes nothing`, async (t) => {
    const driver = await start(t, {}, ({ api, answer }) => {
      answer(() => ({ body: { children: [configMap('keep')] } }))
      api.put(parent())
    })
    const { api } = driver
    await until(() => api.get('ConfigMap', 'keep') && api.get('RedisSentinel', 'a')?.status)
    driver.answer(() => ({ body }))
    api.put({ ...api.get('RedisSentinel', 'a'), spec: { size: 9 } })
    await until(() => events(driver).length > 0)
    t.match(events(driver)[0]?.body['message'], message)
    t.ok(api.get('ConfigMap', 'keep'))
    t.strictSame(api.get('RedisSentinel', 'a')?.status, { observedGeneration: 1 })
  })
}

await t.test('a child that cannot be applied holds up neither the others nor the status', async (t) => {
  const driver = await start(t, {}, ({ api, answer }) => {
    api.refuse(({ path, method }) => method === 'PATCH' && path.endsWith('/bad') ? 422 : undefined)
    answer(() => ({ body: { children: [configMap('bad'), configMap('good')], status: { phase: 'Pending' } } }))
    api.put(parent())
  })
  await until(() => driver.api.get('RedisSentinel', 'a')?.status)
  t.strictSame(driver.api.get('RedisSentinel', 'a')?.status, { phase: 'Pending', observedGeneration: 1 })
  t.ok(driver.api.get('ConfigMap', 'good'))
  await until(() => events(driver).length > 0)
  t.equal(events(driver)[0]?.body['message'],
    'Sync error: can\'t reconcile children for RedisSentinel default/a: can\'t create ConfigMap default/bad: refused with 422')
  await until(() => driver.calls.length >= 3)
  t.equal(statusWrites(driver).length, 1)
})
