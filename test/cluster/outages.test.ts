// The webhook, or what calls it, is away, hangs or dies: nothing that runs is touched, a failover goes on, and all is made good afterwards.
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { metacontrollerPidFile } from '../../local/install.ts'
import { apply, eventually, kubectl, namespace, prepared, ready, redisCli, redisSentinel, roles, serviceAddress } from './fixture.ts'

const NAMESPACE = 'outages'
const inNamespace = (...args: string[]) => kubectl('-n', NAMESPACE, ...args)
const operator = (...args: string[]) => kubectl('-n', 'redis-operator', ...args)
/** Every object of the RedisSentinel, with its UID. */
const objects = async () => (await inNamespace('get', 'statefulsets,services,configmaps,pdb,pods', '-l', 'name=many', '-o',
  'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid}{"\\n"}{end}')).split('\n').toSorted()
const sentinelReplicas = () => inNamespace('get', 'statefulset', 'many-sentinel', '-o', 'jsonpath={.spec.replicas}')

async function webhooks (replicas: number): Promise<void> {
  await operator('scale', 'deployment', 'redis-operator', `--replicas=${replicas}`)
  if (replicas > 0) await operator('rollout', 'status', 'deployment/redis-operator', '--timeout=120s')
  else await eventually('no webhook is left', () => operator('get', 'pods', '-l', 'app.kubernetes.io/component=webhook', '-o', 'name'), (text) => text === '')
}

const pointHookAt = (component: string) => operator('patch', 'service', 'redis-operator', '--type=merge', '-p', JSON.stringify({ spec: { selector: { 'app.kubernetes.io/component': component } } }))

/** What calls the hook: stopped without a word, back again, and killed. */
const { driver } = prepared()
const signal = async (name: NodeJS.Signals) => process.kill(Number(await readFile(metacontrollerPidFile(prepared()), 'utf8')), name)
const DRIVERS = {
  embedded: {
    away: () => operator('scale', 'deployment', 'embedded-driver', '--replicas=0'),
    back: () => operator('scale', 'deployment', 'embedded-driver', '--replicas=1'),
    crash: () => operator('delete', 'pods', '-l', 'app.kubernetes.io/component=embedded-driver', '--force', '--grace-period=0'),
  },
  metacontroller: {
    away: () => kubectl('-n', 'metacontroller', 'scale', 'statefulset', 'metacontroller', '--replicas=0'),
    back: () => kubectl('-n', 'metacontroller', 'scale', 'statefulset', 'metacontroller', '--replicas=1'),
    crash: () => kubectl('-n', 'metacontroller', 'delete', 'pods', '--all', '--force', '--grace-period=0'),
  },
  'metacontroller-binary': { away: () => signal('SIGSTOP'), back: () => signal('SIGCONT'), crash: () => signal('SIGKILL') },
}[driver]

t.before(async () => {
  await namespace(NAMESPACE)
  await apply(redisSentinel(NAMESPACE, 'many'))
  await ready(NAMESPACE, 'redissentinel/many')
})
t.teardown(async () => {
  await DRIVERS.back()
  await pointHookAt('webhook')
  await webhooks(2)
  await operator('delete', 'pod', 'silent', '--ignore-not-found', '--wait=false')
  await kubectl('delete', 'namespace', NAMESPACE, '--wait=false')
})

/** Edits a child, touches the parent and deletes the master while `during` holds; then all is as before but for that pod. */
async function lives (t: Tap, during: () => Promise<unknown>, afterwards: () => Promise<unknown>): Promise<void> {
  const before = await objects()
  const { master: [master = ''] } = await eventually('one master', () => roles(NAMESPACE, 'many'), (found) => found.master?.length === 1)
  await inNamespace('scale', 'statefulset', 'many-sentinel', '--replicas=4')
  await inNamespace('annotate', '--overwrite', 'redissentinel/many', `touched=${Date.now()}`)
  await inNamespace('delete', 'pod', master)
  await eventually('another master', () => roles(NAMESPACE, 'many'), (found) => found.master?.length === 1 && found.master[0] !== master)
  const set = async () => redisCli(await serviceAddress(NAMESPACE, 'many-redis-master'), 6378, 'SET', 'key', 'value')
  t.equal(await eventually('it can be written', set, (answer) => answer === 'OK'), 'OK')
  await during()
  t.equal(await sentinelReplicas(), '4', 'nobody has repaired it meanwhile')
  await afterwards()
  await eventually('the replicas are as they should be', sentinelReplicas, (text) => text === '3')
  await eventually('the surplus sentinel is gone', async () => (await objects()).length, (count) => count === before.length)
  await ready(NAMESPACE, 'redissentinel/many')
  const changed = (await objects()).filter((line) => !before.includes(line))
  t.ok(changed.length === 1 && changed[0]?.startsWith(`Pod/${master} `), `only the deleted pod is new: ${changed.join(', ')}`)
}
type Tap = Pick<typeof t, 'equal' | 'ok'>

t.test('a webhook that is away', async (t) => {
  await webhooks(0)
  await lives(t, async () => {}, () => webhooks(2))
})

t.test('a webhook that takes requests and never answers', async (t) => {
  const image = await operator('get', 'deployment', 'redis-operator', '-o', 'jsonpath={.spec.template.spec.containers[0].image}')
  const program = `require('node:net').createServer((socket) => {
    const since = Date.now()
    socket.on('error', () => {}).on('close', () => console.log('given up after ' + (Date.now() - since) + ' ms')).resume()
  }).listen(8080)`
  await apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'silent', namespace: 'redis-operator', labels: { 'app.kubernetes.io/name': 'redis-operator', 'app.kubernetes.io/component': 'silent' } },
    spec: {
      containers: [{
        name: 'silent',
        image,
        imagePullPolicy: 'IfNotPresent',
        command: ['node', '-e', program],
        ports: [{ name: 'http', containerPort: 8080 }],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      }],
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      terminationGracePeriodSeconds: 0,
    },
  })
  await operator('wait', '--for=condition=Ready', '--timeout=60s', 'pod/silent')
  // with the old ones gone, for a kept connection would go on leading to them
  await webhooks(0)
  await pointHookAt('silent')
  const givenUp = () => eventually('the caller gives up', () => operator('logs', 'silent'), (text) => /given up after \d{4,} ms/.test(text))
  await lives(t, async () => t.match(await givenUp(), /given up/), async () => { await pointHookAt('webhook'); await webhooks(2) })
})

t.test('nobody calls the webhook for a while', async (t) => {
  await DRIVERS.away()
  if (driver !== 'metacontroller-binary') {
    const [space, pods] = driver === 'embedded' ? ['redis-operator', 'app.kubernetes.io/component=embedded-driver'] : ['metacontroller', '']
    await eventually('it is gone', () => kubectl('-n', space, 'get', 'pods', '-l', pods, '-o', 'name'), (text) => text === '')
  }
  await lives(t, async () => {}, DRIVERS.back)
})

t.test('what calls the webhook dies twice while a RedisSentinel comes into being', async (t) => {
  await apply(redisSentinel(NAMESPACE, 'born'))
  for (const what of ['service', 'statefulset']) {
    await eventually(`the first ${what} is there`, () => inNamespace('get', what, '-l', 'name=born', '-o', 'name'), (text) => text !== '')
    await DRIVERS.crash()
  }
  await ready(NAMESPACE, 'redissentinel/born')
  t.match(await roles(NAMESPACE, 'born'), { master: [/^born-redis-\d$/], slave: [/./, /./] })
})
