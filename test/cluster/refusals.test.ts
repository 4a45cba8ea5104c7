// What the API server or the hook refuses: nothing that runs is touched, and a condition says what to do.
import t from 'tap'
import { apply, eventually, kubectl, namespace, ready, redis, redisSentinel } from './fixture.ts'

const NAMESPACE = 'refusals'
const inNamespace = (...args: string[]) => kubectl('-n', NAMESPACE, ...args)
const condition = (resource: string, type: string) => inNamespace('get', resource, '-o',
  `jsonpath={.status.conditions[?(@.type=="${type}")].reason} {.status.conditions[?(@.type=="${type}")].message}`)
const says = (resource: string, type: string, text: RegExp) =>
  eventually(`${type} of ${resource} says ${text}`, () => condition(resource, type), (found) => text.test(found), 60)
/** Every object of the namespace that the operator made, with its UID. */
const objects = async (selector: string) => (await inNamespace('get', 'statefulsets,services,configmaps,pdb,pods', '-l', selector, '-o',
  'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid}{"\\n"}{end}')).split('\n').toSorted()

t.before(async () => {
  await namespace(NAMESPACE)
  await apply(redis(NAMESPACE, 'first', { nodePort: 30951 }), redis(NAMESPACE, 'second', { nodePort: 30952 }), redisSentinel(NAMESPACE, 'many'))
  for (const one of ['redis/first', 'redis/second', 'redissentinel/many']) await ready(NAMESPACE, one)
})
t.teardown(async () => kubectl('delete', 'namespace', NAMESPACE, '--wait=false'))

t.test('a node port in use: what runs stays as it is, the condition says so, and it goes on when the port is free', async (t) => {
  const before = await objects('name=second')
  await apply(redis(NAMESPACE, 'second', { nodePort: 30951 }))
  await says('redis/second', 'Applied', /^ChildrenDiffer .*Service second-svc \(spec\.ports\)/)
  t.strictSame(await objects('name=second'), before)
  t.equal(await inNamespace('get', 'service', 'second-svc', '-o', 'jsonpath={.spec.ports[0].nodePort}'), '30952')
  await apply(redis(NAMESPACE, 'third', { nodePort: 30951 }))
  await says('redis/third', 'Applied', /^ChildrenMissing .*Service third-svc/)
  await apply(redis(NAMESPACE, 'third', { nodePort: 30953 }), redis(NAMESPACE, 'second', { nodePort: 30952 }))
  await ready(NAMESPACE, 'redis/third')
  await says('redis/second', 'Applied', /^AllApplied/)
})

const takesOver = process.env['METACONTROLLER_APPLY'] === 'server-side-apply' && 'server-side apply takes it over (docs/failure-modes.md)'
t.test('an object of somebody else under a child\'s name is left alone, and the condition names it', { skip: takesOver }, async (t) => {
  await inNamespace('create', 'service', 'clusterip', 'mine-svc', '--tcp=80')
  await apply(redis(NAMESPACE, 'mine'))
  await says('redis/mine', 'Applied', /^ChildrenMissing .*Service mine-svc/)
  t.equal(await inNamespace('get', 'service', 'mine-svc', '-o', 'jsonpath={.spec.ports[0].port}'), '80', 'it is as it was')
  await inNamespace('delete', 'service', 'mine-svc')
  await ready(NAMESPACE, 'redis/mine')
})

t.test('a storage class that does not exist: the condition says why no pod starts', async (t) => {
  await apply(redis(NAMESPACE, 'classless', { storage: { storageClassName: 'there-is-none' } }))
  t.ok(await says('redis/classless', 'Ready', /^PodsNotReady .*classless-redis-0: .*(PersistentVolumeClaim|storageclass)/))
})

t.test('an invalid spec whose memory is gone: the hook refuses to answer, and nothing is deleted', async (t) => {
  const kept = async () => (await objects('name=many')).filter((line) => !line.startsWith('ConfigMap/many-state'))
  const before = await kept()
  await apply(redisSentinel(NAMESPACE, 'many', { quorum: 7 }))
  await says('redissentinel/many', 'SpecValid', /^InvalidSpec/)
  await inNamespace('delete', 'configmap', 'many-state')
  const refused = await eventually('an event or a log says so', () => kubectl('-n', 'redis-operator', 'logs', '-l', 'app.kubernetes.io/component=webhook', '--tail=50'),
    (text) => /ConfigMap many-state holds no valid one/.test(text), 60)
  t.ok(refused)
  t.strictSame(await kept(), before, 'everything that ran runs')
  await apply(redisSentinel(NAMESPACE, 'many'))
  await ready(NAMESPACE, 'redissentinel/many')
  await eventually('the memory is back', () => inNamespace('get', 'configmap', 'many-state', '-o', 'name'), (text) => text === 'configmap/many-state')
})
