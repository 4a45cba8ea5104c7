// What a RedisSentinel goes through in its life: changed in place, scaled, edited by hand, deleted and made again at once.
import t from 'tap'
import { startWriter } from '../../local/writer.ts'
import { apply, eventually, kubectl, namespace, ready, redisCli, redisSentinel, roles, serviceAddress } from './fixture.ts'

const NAMESPACE = 'life'
const NAME = 'cache'
const inNamespace = (...args: string[]) => kubectl('-n', NAMESPACE, ...args)

t.before(async () => {
  await namespace(NAMESPACE)
  await apply(redisSentinel(NAMESPACE, NAME))
  await ready(NAMESPACE, `redissentinel/${NAME}`)
})
t.teardown(async () => kubectl('delete', 'namespace', NAMESPACE, '--wait=false'))

/** The pods of a component by name, as name=uid. */
async function uids (component: string): Promise<string[]> {
  const text = await inNamespace('get', 'pods', '-l', `name=${NAME},component=${component}`, '-o', 'jsonpath={range .items[*]}{.metadata.name}={.metadata.uid} {end}')
  return text.trim().split(' ').toSorted()
}

async function change (spec: object, shown: RegExp): Promise<void> {
  await apply(redisSentinel(NAMESPACE, NAME, spec))
  await eventually('the change is in the StatefulSets and Services', () => inNamespace('get', 'statefulsets,services', '-l', `name=${NAME}`, '-o', 'json'), (text) => shown.test(text))
  // the two StatefulSets are not written at once
  await inNamespace('wait', '--for=condition=Applied', '--timeout=240s', `redissentinel/${NAME}`)
  await ready(NAMESPACE, `redissentinel/${NAME}`)
}

async function writing<T> (during: () => Promise<T>): Promise<{ acknowledged: number, lost: number, longestGap: number }> {
  const writer = startWriter(await serviceAddress(NAMESPACE, `${NAME}-redis-master`), 6378, `writes-${Date.now()}`)
  await eventually('the client writes', async () => writer.acknowledged(), (count) => count > 100)
  try {
    await during()
    const seen = writer.acknowledged()
    await eventually('the client writes again', async () => writer.acknowledged(), (count) => count > seen + 50)
  } catch (error) {
    // a client that goes on keeps the process from ending
    await writer.finish().catch(() => {})
    throw error
  }
  return writer.finish()
}

const condition = (type: string) => inNamespace('get', 'redissentinel', NAME, '-o', `jsonpath={.status.conditions[?(@.type=="${type}")].reason} {.status.conditions[?(@.type=="${type}")].message}`)
const master = async () => (await eventually('one master', () => roles(NAMESPACE, NAME), (found) => found.master?.length === 1)).master[0] as string

/** What the first test leaves behind. */
const SPEC = { nodePort: 30955, downAfterMilliseconds: 4000, exporter: { enable: true } }

t.test('a node port restarts nobody, down-after the sentinels alone, the exporter the redis pods alone', async (t) => {
  const [redisBefore, sentinelBefore] = [await uids('redis'), await uids('sentinel')]
  await change({ nodePort: 30955 }, /"nodePort": 30955/)
  t.strictSame([await uids('redis'), await uids('sentinel')], [redisBefore, sentinelBefore])

  const settings = await inNamespace('get', 'statefulset', `${NAME}-sentinel`, '-o', 'jsonpath={.spec.template.metadata.annotations}')
  await apply(redisSentinel(NAMESPACE, NAME, { nodePort: 30955, downAfterMilliseconds: 4000 }))
  await eventually('the sentinels get it', () => inNamespace('get', 'statefulset', `${NAME}-sentinel`, '-o', 'jsonpath={.spec.template.metadata.annotations}'), (now) => now !== settings)
  await change({ nodePort: 30955, downAfterMilliseconds: 4000 }, /"nodePort": 30955/)
  t.strictSame(await uids('redis'), redisBefore)
  t.ok((await uids('sentinel')).every((uid) => !sentinelBefore.includes(uid)), 'every sentinel is new')

  const sentinels = await uids('sentinel')
  const { lost, acknowledged } = await writing(() => change(SPEC, /redis_exporter|"name": "exporter"/))
  t.equal(lost, 0, `none of ${acknowledged} acknowledged writes is lost`)
  t.ok((await uids('redis')).every((uid) => !redisBefore.includes(uid)), 'every redis is new')
  t.strictSame(await uids('sentinel'), sentinels)
})

t.test('scaled from 3 to 5 and back, with the master on an ordinal that goes', async (t) => {
  await change({ ...SPEC, redisReplicas: 5, sentinelReplicas: 5 }, /"replicas": 5/)
  const { lost, acknowledged, longestGap } = await writing(async () => {
    await inNamespace('annotate', `redissentinel/${NAME}`, `cache.iguochan.io/switchover=${NAME}-redis-4`)
    await eventually('the master is on ordinal 4', master, (pod) => pod === `${NAME}-redis-4`)
    await eventually('the wish is fulfilled', () => inNamespace('get', `redissentinel/${NAME}`, '-o', 'jsonpath={.metadata.annotations}'), (text) => !text.includes('switchover'))
    await ready(NAMESPACE, `redissentinel/${NAME}`)
    await change({ ...SPEC, redisReplicas: 3, sentinelReplicas: 3 }, /"replicas": 3/)
    await eventually('three of each are left', async () => [...await uids('redis'), ...await uids('sentinel')].length, (count) => count === 6)
  })
  t.equal(lost, 0, `none of ${acknowledged} acknowledged writes is lost; the longest gap was ${longestGap} ms`)
  t.match(await master(), /-[012]$/)
})

t.test('a switchover makes the named pod master and loses nothing, and the annotation goes', async (t) => {
  const { slave: [wanted = ''] } = await roles(NAMESPACE, NAME)
  const { lost, acknowledged, longestGap } = await writing(async () => {
    await inNamespace('annotate', `redissentinel/${NAME}`, `cache.iguochan.io/switchover=${wanted}`)
    await inNamespace('wait', `--for=jsonpath={.status.master}=${wanted}`, '--timeout=60s', `redissentinel/${NAME}`)
  })
  t.equal(lost, 0, `none of ${acknowledged} acknowledged writes is lost; the longest gap was ${longestGap} ms`)
  await eventually('the annotation is gone', () => inNamespace('get', `redissentinel/${NAME}`, '-o', 'jsonpath={.metadata.annotations}'), (text) => !text.includes('switchover'))
})

t.test('an image that is not there stops at the first pod, says so, and the way back replaces that pod alone', async (t) => {
  const before = await uids('redis')
  const { lost, acknowledged } = await writing(async () => {
    await apply(redisSentinel(NAMESPACE, NAME, { ...SPEC, image: 'redis:there-is-none' }))
    await eventually('the condition names the pod and why', () => condition('Ready'), (text) => /PodsNotReady .*cache-redis-2: container redis waits with (ErrImagePull|ImagePullBackOff)/.test(text))
    await change(SPEC, /"image": "redis:7.0"/)
  })
  t.equal(lost, 0, `none of ${acknowledged} acknowledged writes is lost`)
  t.strictSame((await uids('redis')).slice(0, 2), before.slice(0, 2), 'the others were never touched')
})

t.test('another image replaces every redis, and loses nothing', async (t) => {
  const before = await uids('redis')
  const { lost, acknowledged, longestGap } = await writing(() => change({ ...SPEC, image: 'docker.io/library/redis:7.0' }, /"image": "docker.io/))
  t.equal(lost, 0, `none of ${acknowledged} acknowledged writes is lost; the longest gap was ${longestGap} ms`)
  t.ok((await uids('redis')).every((uid) => !before.includes(uid)), 'every redis is new')
  await change(SPEC, /"image": "redis:7.0"/)
})

t.test('a larger volume size that the class does not allow restarts nobody, and the condition and an event say so', async (t) => {
  const before = await uids('redis')
  await apply(redisSentinel(NAMESPACE, NAME, { ...SPEC, storage: { size: '2Gi' } }))
  await eventually('the condition names the claims', () => condition('Applied'), (text) => /^VolumesGrowing data-cache-redis-0 asks for 1Gi of 2Gi, data-cache-redis-1 asks/.test(text))
  await eventually('the event has the API server\'s words', () => inNamespace('get', 'events', '--field-selector=reason=VolumeNotGrown', '-o', 'jsonpath={.items[*].message}'),
    (text) => /data-cache-redis-2 stays at 1Gi instead of 2Gi: .*must support resize/.test(text))
  await ready(NAMESPACE, `redissentinel/${NAME}`)
  t.strictSame(await uids('redis'), before, 'the same pods run')
})

t.test('a StatefulSet that is deleted around its pods is made anew around them', async (t) => {
  const before = await uids('redis')
  await inNamespace('delete', 'statefulset', `${NAME}-redis`, '--cascade=orphan')
  await eventually('it is there, with the new size', () => inNamespace('get', 'statefulset', `${NAME}-redis`, '-o', 'jsonpath={.spec.volumeClaimTemplates[0].spec.resources.requests.storage}'),
    (text) => text === '2Gi')
  await ready(NAMESPACE, `redissentinel/${NAME}`)
  await inNamespace('rollout', 'status', `statefulset/${NAME}-redis`, '--timeout=120s')
  t.strictSame(await uids('redis'), before, 'the same pods run')
})

t.test('children that are deleted or edited by hand come back as they were', async (t) => {
  const before = await uids('redis')
  await inNamespace('delete', 'service', `${NAME}-redis`)
  await inNamespace('delete', 'configmap', `${NAME}-redis-config`)
  await inNamespace('patch', 'service', `${NAME}-redis-master`, '-p', '{"spec":{"selector":{"redis-role":"slave"}}}')
  await inNamespace('scale', 'statefulset', `${NAME}-sentinel`, '--replicas=4')
  await eventually('all is repaired', () => inNamespace('get', 'service,configmap,statefulset', '-o',
    'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.spec.selector.redis-role} {.spec.replicas};{end}'),
  (text) => [`Service/${NAME}-redis `, `ConfigMap/${NAME}-redis-config `, `Service/${NAME}-redis-master master`, `StatefulSet/${NAME}-sentinel  3`].every((one) => text.includes(one)))
  await ready(NAMESPACE, `redissentinel/${NAME}`)
  t.strictSame(await uids('redis'), before, 'no redis was restarted')
})

t.test('deleted and made again at once under the same name it finds its data', async (t) => {
  const address = await serviceAddress(NAMESPACE, `${NAME}-redis-master`)
  t.equal(await redisCli(address, 6378, 'SET', 'kept', 'yes'), 'OK')
  await inNamespace('delete', 'redissentinel', NAME, '--wait=false')
  await apply(redisSentinel(NAMESPACE, NAME))
  await eventually('it is ready', () => inNamespace('get', 'redissentinel', NAME, '-o', 'jsonpath={.metadata.deletionTimestamp} {.status.phase}'), (text) => text.trim() === 'Ready', 240)
  const answer = await eventually('the master Service leads to it', async () => redisCli(await serviceAddress(NAMESPACE, `${NAME}-redis-master`), 6378, 'GET', 'kept'), (text) => text === 'yes')
  t.equal(answer, 'yes')
})
