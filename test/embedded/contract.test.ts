import t from 'tap'
import { configMap, controllerDocument, events, fixture, hook, parent, settle, start, statusWrites, syncOnly, until } from './driver.ts'

await t.test('the hooks are sent what the real Metacontroller sent in the same situation', async (t) => {
  const settled = fixture('sync-settled')
  const rule = { apiVersion: 'v1', resource: 'pods', namespace: 'default', labelSelector: { matchLabels: { name: 'redissentinel-sample' } } }
  const { calls } = await start(t, { document: settled.controller, customize: () => ({ body: { relatedResources: [rule] } }) }, ({ api, answer }) => {
    api.put(settled.parent)
    for (const groups of [settled.children, settled.related]) {
      for (const object of Object.values(groups).flatMap((group) => Object.values(group))) api.put(object)
    }
    answer(() => ({ code: 429, headers: { 'retry-after': '100' } }))
  })
  await until(() => calls.some(({ path }) => path.endsWith('/sync')), 'a sync')
  const sync = calls.find(({ path }) => path === '/v1/redis-sentinel/sync')
  t.strictSame(sync?.body, settled)
  const customize = calls.find(({ path }) => path === '/v1/redis-sentinel/customize')
  t.strictSame(customize?.body, { controller: settled.controller, parent: settled.parent })
  t.strictSame(Object.keys(fixture('customize')).toSorted(), Object.keys(customize?.body ?? {}).toSorted())
})

await t.test('declared groups and related rules are there even when nothing is in them', async (t) => {
  const first = fixture('sync-first')
  const rule = { apiVersion: 'v1', resource: 'pods', namespace: 'default' }
  const { calls } = await start(t, { document: first.controller, customize: () => ({ body: { relatedResources: [rule] } }) }, ({ api, answer }) => {
    api.put(first.parent)
    answer(() => ({ code: 429, headers: { 'retry-after': '100' } }))
  })
  await until(() => calls.some(({ path }) => path.endsWith('/sync')))
  t.strictSame(calls.find(({ path }) => path.endsWith('/sync'))?.body, first)
})

await t.test('children are created, updated and deleted, the status follows, and then nothing is written any more', async (t) => {
  const driver = await start(t, {}, ({ api, answer }) => {
    answer(({ parent }) => {
      const { size } = parent['spec'] as { size: number }
      const children = Array.from({ length: size }, (_, i) => configMap(`child-${i}`, { size: String(size) }))
      return { body: { children, status: { size } } }
    })
    api.put(parent({ size: 2 }))
  })
  const { api, metrics } = driver
  await until(() => api.get('RedisSentinel', 'a')?.status)
  const owner = api.get('RedisSentinel', 'a')
  t.strictSame(owner?.status, { size: 2, observedGeneration: 1 })
  const child = api.get('ConfigMap', 'child-1')
  t.match(child, { data: { size: '2' }, metadata: { namespace: 'default', labels: { 'controller-uid': owner?.metadata.uid } } })
  t.strictSame(child?.metadata.ownerReferences, [{
    apiVersion: 'cache.iguochan.io/v1', kind: 'RedisSentinel', name: 'a', uid: owner?.metadata.uid, controller: true, blockOwnerDeletion: true,
  }])

  api.put({ ...owner, spec: { size: 1 } })
  await until(() => (api.get('RedisSentinel', 'a')?.status as { size: number }).size === 1)
  await until(() => !api.get('ConfigMap', 'child-1'))
  t.strictSame(api.get('RedisSentinel', 'a')?.status, { size: 1, observedGeneration: 2 })
  t.match(api.get('ConfigMap', 'child-0'), { data: { size: '1' } })
  const order = api.writes.map(({ method, path }) => `${method} ${path.split('/').at(-1)}`)
  t.ok(order.indexOf('DELETE child-1') < order.lastIndexOf('PATCH child-0'), 'deletes come first')

  await settle()
  const writes = api.writes.length
  const { calls } = driver
  const before = calls.length
  api.put({ ...api.get('RedisSentinel', 'a'), metadata: { ...api.get('RedisSentinel', 'a')?.metadata, annotations: { touched: 'yes' } } })
  await until(() => calls.length > before, 'the sync of a changed annotation')
  await settle()
  t.equal(api.writes.length, writes, 'zero writes at the fixed point')
  t.match(await metrics.text(), /embedded_api_writes_total\{verb="delete",kind="ConfigMap"\} 1/)
  t.match(await metrics.text(), /embedded_hook_requests_total\{hook="sync",code="200"\} \d/)
})

await t.test('a child that somebody changes or removes is put right', async (t) => {
  const { api } = await start(t, {}, ({ api, answer }) => {
    answer(() => ({ body: { children: [configMap('one', { a: '1' })] } }))
    api.put(parent())
  })
  await until(() => api.get('ConfigMap', 'one'))
  await settle()
  api.put({ ...api.get('ConfigMap', 'one'), data: { a: 'other' } })
  await until(() => (api.get('ConfigMap', 'one')?.['data'] as { a: string }).a === '1', 'the repair')
  api.remove('ConfigMap', 'one')
  await until(() => api.get('ConfigMap', 'one'), 'the new child')
})

await t.test('an object of that name that is not ours is left alone, without an error', async (t) => {
  const driver = await start(t, {}, ({ api, answer }) => {
    api.put(configMap('one', { whose: 'theirs' }, { namespace: 'default' }))
    answer(() => ({ body: { children: [configMap('one', { whose: 'ours' })] } }))
    api.put(parent())
  })
  await until(() => driver.api.get('RedisSentinel', 'a')?.status)
  t.match(driver.api.get('ConfigMap', 'one'), { data: { whose: 'theirs' } })
  t.ok(driver.logs.some((line) => line.includes('not ours')))
  t.equal(events(driver).length, 0)
})

await t.test('an orphan with our label is adopted; an owned object without it is released', async (t) => {
  const { api, calls } = await start(t, {}, ({ api, answer }) => {
    const owner = api.put(parent({}, { uid: 'u1', resourceVersion: '5', generation: 1 }))
    const ownerReferences = [{ apiVersion: owner.apiVersion, kind: owner.kind, name: 'a', uid: 'u1', controller: true }]
    api.put(configMap('orphan', { a: '1' }, { namespace: 'default', labels: { 'controller-uid': 'u1' } }))
    api.put(configMap('strayed', { a: '1' }, { namespace: 'default', ownerReferences }))
    answer(() => ({ body: { children: [configMap('orphan', { a: '1' })] } }))
  })
  await until(() => api.get('RedisSentinel', 'a')?.status)
  t.match(api.get('ConfigMap', 'orphan'), { metadata: { ownerReferences: [{ uid: 'u1', controller: true }] } })
  t.strictSame(api.get('ConfigMap', 'strayed')?.metadata.ownerReferences, [])
  t.strictSame(Object.keys(calls[0]?.body.children['ConfigMap.v1'] ?? {}), ['default/orphan'])
})

await t.test('a status that conflicts is read again and written; unchanged status is not written', async (t) => {
  let conflicts = 1
  const driver = await start(t, {}, ({ api, answer }) => {
    api.refuse(({ path }) => path.endsWith('/status') && conflicts-- > 0 ? 409 : undefined)
    answer(() => ({ body: { status: { a: 1 }, resyncAfterSeconds: 0.05 } }))
    api.put(parent())
  })
  await until(() => driver.calls.length >= 3, 'the resyncs')
  t.strictSame(driver.api.get('RedisSentinel', 'a')?.status, { a: 1, observedGeneration: 1 })
  t.equal(statusWrites(driver).length, 2)
})

await t.test('resyncPeriodSeconds brings every parent back; updates of the status alone do not', async (t) => {
  const { api, calls } = await start(t, { document: syncOnly({ resyncPeriodSeconds: 1 }) }, ({ api, answer }) => {
    answer(() => ({ body: { status: { a: 1 } } }))
    api.put(parent())
  })
  await until(() => api.get('RedisSentinel', 'a')?.status)
  await settle()
  t.equal(calls.length, 1)
  await until(() => calls.length === 2)
})

await t.test('finalize: the finalizer comes first and goes last, and children are managed meanwhile', async (t) => {
  const document = syncOnly({ hooks: { sync: hook('/sync'), finalize: hook('/finalize') } })
  const finalizer = 'metacontroller.io/compositecontroller-redis-operator-redis-sentinel'
  const { api, calls } = await start(t, { document }, ({ api, answer }) => {
    answer(({ finalizing, children }) => finalizing
      ? { body: { children: [], finalized: Object.keys(children['ConfigMap.v1'] ?? {}).length === 0 } }
      : { body: { children: [configMap('one')] } })
    api.put(parent())
  })
  await until(() => api.get('ConfigMap', 'one') && api.get('RedisSentinel', 'a')?.status)
  t.strictSame(api.get('RedisSentinel', 'a')?.metadata.finalizers, [finalizer])
  api.remove('RedisSentinel', 'a')
  await until(() => !api.get('RedisSentinel', 'a'), 'the end of the parent')
  t.notOk(api.get('ConfigMap', 'one'))
  t.match(calls.at(-1), { path: '/finalize', body: { finalizing: true } })
})

await t.test('without a finalize hook a parent being deleted is still synced and its children are left alone', async (t) => {
  const { api } = await start(t, {}, ({ api, answer }) => {
    answer(({ parent }) => ({ body: { children: parent.metadata.deletionTimestamp ? [] : [configMap('one')], status: { deleting: 'deletionTimestamp' in parent.metadata } } }))
    api.put(parent({}, { finalizers: ['foregroundDeletion'] }))
  })
  await until(() => api.get('RedisSentinel', 'a')?.status)
  api.remove('RedisSentinel', 'a')
  await until(() => (api.get('RedisSentinel', 'a')?.status as { deleting: boolean }).deleting)
  await settle()
  t.ok(api.get('ConfigMap', 'one'))
})

await t.test('a parent made again under its name has its own children: the old ones are not touched', async (t) => {
  const { api } = await start(t, {}, ({ api, answer }) => {
    answer(({ parent }) => ({ body: { children: [configMap('one', { uid: parent.metadata.uid })], resyncAfterSeconds: 0.1 } }))
    api.put(parent())
  })
  await until(() => api.get('ConfigMap', 'one') && api.get('RedisSentinel', 'a')?.status)
  const uid = api.get('RedisSentinel', 'a')?.metadata.uid
  api.remove('RedisSentinel', 'a')
  api.put(parent())
  await until(() => api.get('RedisSentinel', 'a')?.status)
  t.match(api.get('ConfigMap', 'one'), { data: { uid } })
  api.remove('ConfigMap', 'one')
  await until(() => (api.get('ConfigMap', 'one')?.['data'] as { uid: string } | undefined)?.uid === api.get('RedisSentinel', 'a')?.metadata.uid)
})

await t.test('related objects wake the parents that select them, and a 410 on the watch loses nothing', async (t) => {
  const document = controllerDocument({ hooks: { sync: hook('/sync'), customize: hook('/customize') } })
  const rule = { apiVersion: 'v1', resource: 'pods', namespace: 'default', labelSelector: { matchLabels: { app: 'x' } } }
  const pod = (name: string, app: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels: { app } }, spec: {} })
  const { api, calls } = await start(t, { document, customize: () => ({ body: { relatedResources: [rule] } }) }, ({ api }) => { api.put(parent()) })
  const syncs = () => calls.filter(({ path }) => path === '/sync')
  const pods = () => Object.keys(syncs().at(-1)?.body.related['Pod.v1'] ?? {})
  await until(() => syncs().length > 0)
  t.strictSame(pods(), [])
  api.put(pod('p-0', 'x'))
  await until(() => pods().length === 1)
  const before = syncs().length
  api.put(pod('q-0', 'y'))
  await settle()
  t.equal(syncs().length, before)
  api.expireWatches()
  api.put(pod('p-1', 'x'))
  await until(() => pods().length === 2, 'the Pod made while the watch was broken')
  t.equal(calls.filter(({ path }) => path === '/customize').length, 1)
})

await t.test('it waits for a CustomResourceDefinition that comes later', async (t) => {
  const driver = await start(t, {}, ({ api }) => { api.resources.shift() })
  await until(() => driver.logs.some((line) => line.includes('controller cannot start yet')))
  t.equal(driver.calls.length, 0)
})

await t.test('stopping waits for the sync in flight and takes no more work', async (t) => {
  const driver = await start(t, {}, ({ api, answer }) => {
    answer(() => ({ body: { children: Array.from({ length: 20 }, (_, i) => configMap(`c-${i}`)), status: { done: true } } }))
    api.put(parent())
  })
  await until(() => driver.api.get('ConfigMap', 'c-1'))
  await driver.stop()
  t.strictSame(driver.api.get('RedisSentinel', 'a')?.status, { done: true, observedGeneration: 1 })
})
