// How users shape their pods, Services and redis.conf, on a real API server, kubelet and scheduler.
import t from 'tap'
import { apply, eventually, kubectl, namespace, ready, redis, redisCli, redisSentinel, roles, serviceAddress } from './fixture.ts'

const NAMESPACE = 'settings'
const NAME = 'shaped'
const inNamespace = (...args: string[]) => kubectl('-n', NAMESPACE, ...args)
const POD = {
  tolerations: [{ key: 'nowhere', operator: 'Exists', effect: 'NoSchedule' }],
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: { name: NAME } } }],
  labels: { team: 'cache' },
  annotations: { 'example.com/note': 'x' },
  resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } },
}
const SPEC = {
  redisPod: POD,
  sentinelPod: POD,
  masterService: { type: 'LoadBalancer', annotations: { 'example.com/internal': 'true' }, loadBalancerSourceRanges: ['10.0.0.0/8'] },
  config: { maxmemory: '100mb', databases: '20' },
  sentinelConfig: { loglevel: 'verbose' },
}

t.before(async () => {
  await namespace(NAMESPACE)
  // Pods of claims need no more than this; those with a folder of the node do.
  await kubectl('label', 'namespace', NAMESPACE, 'pod-security.kubernetes.io/enforce=restricted')
  await apply(redisSentinel(NAMESPACE, NAME, SPEC), redis(NAMESPACE, 'single', { pod: POD, config: { maxmemory: '50mb' } }))
  await ready(NAMESPACE, `redissentinel/${NAME}`)
  await ready(NAMESPACE, 'redis/single')
})
t.teardown(async () => kubectl('delete', 'namespace', NAMESPACE, '--wait=false'))

const uids = () => inNamespace('get', 'pods', '-l', `name=${NAME}`, '-o', 'jsonpath={.items[*].metadata.uid}')
/** A directive as each redis pod has it. */
const directive = async (name: string) => Promise.all([0, 1, 2].map(async (ordinal) =>
  (await redisCli(await serviceAddress(NAMESPACE, `${NAME}-redis-${ordinal}`), 6379, 'CONFIG', 'GET', name)).split('\n')[1]))

t.test('a namespace that enforces the restricted Pod Security Standard takes the pods, shaped as the spec says', async (t) => {
  const pod = JSON.parse(await inNamespace('get', 'pod', `${NAME}-redis-0`, '-o', 'json')) as { metadata: object, spec: object }
  t.match(pod.metadata, { labels: POD.labels, annotations: POD.annotations })
  t.match(pod.spec, { tolerations: [POD.tolerations[0]], nodeSelector: POD.nodeSelector, topologySpreadConstraints: POD.topologySpreadConstraints, containers: [{ resources: POD.resources }] })
  const service = JSON.parse(await inNamespace('get', 'service', `${NAME}-redis-master`, '-o', 'json')) as { metadata: object, spec: object }
  t.match(service.spec, { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8'] })
  t.match(service.metadata, { annotations: SPEC.masterService.annotations })
})

t.test('what the API server fills in is no deviation', async (t) => {
  for (const resource of [`redissentinel/${NAME}`, 'redis/single']) {
    await inNamespace('wait', '--for=condition=Applied', '--timeout=60s', resource)
    t.equal(await inNamespace('get', resource, '-o', 'jsonpath={.status.conditions[?(@.type=="Applied")].reason}'), 'AllApplied')
  }
})

t.test('a directive that a running redis takes is applied to all of them without a restart', async (t) => {
  t.strictSame(await directive('databases'), ['20', '20', '20'])
  t.strictSame(await directive('maxmemory'), Array(3).fill(String(100 * 2 ** 20)))
  const before = await uids()
  await apply(redisSentinel(NAMESPACE, NAME, { ...SPEC, config: { ...SPEC.config, maxmemory: '120mb' } }))
  const [first] = await eventually('all have it', () => directive('maxmemory'), (values) => values.every((value) => value === String(120 * 2 ** 20)), 150)
  t.equal(first, String(120 * 2 ** 20))
  t.equal(await uids(), before)
  t.equal(await inNamespace('get', 'rss', NAME, '-o', 'jsonpath={.status.config}'), '{"live":["maxmemory"],"restart":["databases"]}')
})

t.test('sentinels have their own directives', async (t) => {
  t.match(await inNamespace('exec', `${NAME}-sentinel-0`, '-c', 'sentinel', '--', 'cat', '/data/sentinel.conf'), /^loglevel verbose$/m)
})

t.test('a directive of the operator is refused in words, and nothing changes', async (t) => {
  await apply(redisSentinel(NAMESPACE, NAME, { ...SPEC, config: { 'replica-priority': '0' } }))
  await inNamespace('wait', '--for=condition=SpecValid=False', '--timeout=60s', `rss/${NAME}`)
  t.match(await inNamespace('get', 'rss', NAME, '-o', 'jsonpath={.status.conditions[?(@.type=="SpecValid")].message}'), /replica-priority is the operator's own/)
  await apply(redisSentinel(NAMESPACE, NAME, SPEC))
  await inNamespace('wait', '--for=condition=SpecValid', '--timeout=60s', `rss/${NAME}`)
  t.match(await directive('maxmemory'), [/\d+/, /\d+/, /\d+/])
})

t.test('while it is paused changes wait, and failover goes on; then they are applied', async (t) => {
  const replicas = () => inNamespace('get', 'statefulset', 'paused-redis', '-o', 'jsonpath={.spec.replicas}')
  const paused = () => inNamespace('get', 'redissentinel', 'paused', '-o', 'jsonpath={.status.conditions[?(@.type=="Paused")].reason}')
  await apply(redisSentinel(NAMESPACE, 'paused', { redisReplicas: 2 }))
  await ready(NAMESPACE, 'redissentinel/paused')
  await apply(redisSentinel(NAMESPACE, 'paused', { redisReplicas: 3, paused: true }))
  t.equal(await eventually('the condition says so', paused, (text) => text !== ''), 'PausedByUser')
  const { master: [before = ''] } = await eventually('one master', () => roles(NAMESPACE, 'paused'), (found) => found.master?.length === 1)
  await inNamespace('delete', 'pod', before)
  await eventually('another master', () => roles(NAMESPACE, 'paused'), (found) => found.master?.length === 1 && found.master[0] !== before)
  t.equal(await replicas(), '2')
  await apply(redisSentinel(NAMESPACE, 'paused', { redisReplicas: 3 }))
  await eventually('the change is applied', replicas, (text) => text === '3')
  t.equal(await eventually('nothing is paused', paused, (text) => text === ''), '')
})
