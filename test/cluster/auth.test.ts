// A password on a real Kubernetes: from the start, under a running cluster, and another one; nothing of it can be read anywhere.
import t from 'tap'
import { startWriter } from '../../local/writer.ts'
import { apply, eventually, kubectl, namespace, ready, redis, redisCli, redisSentinel, roles, serviceAddress } from './fixture.ts'

const NAMESPACE = 'auth'
const SECRET = 'cache-password'
const [FIRST, SECOND] = ['fIrst-"one" \\', 'sEcond-one']
const inNamespace = (...args: string[]) => kubectl('-n', NAMESPACE, ...args)
const secret = (data: Record<string, string>) => apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: SECRET, namespace: NAMESPACE }, stringData: data })
const AUTH = { auth: { secretName: SECRET } }
const condition = (resource: string, type: string) => inNamespace('get', resource, '-o', `jsonpath={.status.conditions[?(@.type=="${type}")].reason} {.status.conditions[?(@.type=="${type}")].message}`)
const uids = async () => (await inNamespace('get', 'pods', '-l', 'name=cache', '-o', 'jsonpath={range .items[*]}{.metadata.name}={.metadata.uid}/{.status.containerStatuses[0].restartCount} {end}')).trim().split(' ').toSorted()
const address = () => serviceAddress(NAMESPACE, 'cache-redis-master')
const master = async (not?: string) => (await eventually('one master', () => roles(NAMESPACE, 'cache'), (found) => found.master?.length === 1 && found.master[0] !== not)).master[0] as string
const ask = async (service: string, port: number, password: string | undefined, ...words: string[]) =>
  redisCli(await serviceAddress(NAMESPACE, service), port, ...(password === undefined ? [] : ['--no-auth-warning', '-a', password]), ...words)

async function members (): Promise<[string, number][]> {
  return (['redis', 'sentinel'] as const).flatMap((component) => [0, 1, 2].map((ordinal): [string, number] => [`cache-${component}-${ordinal}`, component === 'redis' ? 6379 : 26379]))
}

async function everybody (what: string, password: string | undefined, right: (answer: string) => boolean): Promise<void> {
  for (const [service, port] of await members()) await eventually(`${service}: ${what}`, () => ask(service, port, password, 'PING'), right, 240)
}

t.before(async () => namespace(NAMESPACE))
t.teardown(async () => kubectl('delete', 'namespace', NAMESPACE, '--wait=false'))

t.test('without its Secret nothing starts, and the condition and the readiness say so; with it both kinds do, and want it', async (t) => {
  await apply(redis(NAMESPACE, 'one', { ...AUTH, exporter: { enable: true }, binding: { enable: true } }), redisSentinel(NAMESPACE, 'born', AUTH))
  const events = () => inNamespace('get', 'events', '-o', 'jsonpath={.items[*].message}')
  t.ok(await eventually('readiness says why', events, (text) => /waiting: \/auth\/password is not one line with a password/.test(text)))
  t.ok(await eventually('and so does the probe', events, (text) => /Secret cache-password: .*not found/.test(text)))
  t.match(await condition('redis/one', 'Ready'), /^PodsNotReady/)
  await secret({ password: FIRST })
  await ready(NAMESPACE, 'redis/one')
  await ready(NAMESPACE, 'redissentinel/born')
  t.match(await eventually('the Service leads to it', () => ask('one-svc', 6379, FIRST, 'PING'), (text) => !text.includes('connect')), /^PONG/)
  t.match(await ask('one-svc', 6379, undefined, 'PING'), /NOAUTH/)
  const exporter = await serviceAddress(NAMESPACE, 'one-exporter')
  const metrics = await eventually('the exporter is let in', async () => (await fetch(`http://${exporter}:9121/metrics`)).text(), (text) => /^redis_up 1$/m.test(text))
  t.notMatch(metrics, FIRST)
  const uri = () => inNamespace('get', 'secret', 'one-binding', '-o', 'jsonpath={.data.uri}')
  const bound = await eventually('applications find it in a Secret', uri, (text) => text.length > 10 && !text.includes('NotFound'))
  t.equal(Buffer.from(bound, 'base64').toString('utf8'), `redis://default:${encodeURIComponent(FIRST)}@one-svc.${NAMESPACE}.svc:6379`)
  t.equal(await inNamespace('get', 'redis', 'one', '-o', 'jsonpath={.status.binding.name}'), 'one-binding')
  await inNamespace('delete', 'redissentinel/born')
})

t.test('a running cluster gets a password: one restart each, nothing lost, and then everybody needs it', async (t) => {
  await apply(redisSentinel(NAMESPACE, 'cache', { downAfterMilliseconds: 3000 }))
  await ready(NAMESPACE, 'redissentinel/cache')
  const writer = startWriter(await address(), 6378, 'writes', FIRST)
  await eventually('the client writes', async () => writer.acknowledged(), (count) => count > 100)
  const before = await uids()
  await apply(redisSentinel(NAMESPACE, 'cache', { downAfterMilliseconds: 3000, ...AUTH }))
  await eventually('every pod is new', uids, (now) => now.length === before.length && now.every((uid) => !before.includes(uid)), 240)
  await everybody('nobody without it any more', undefined, (answer) => answer.startsWith('NOAUTH'))
  await everybody('with it', FIRST, (answer) => answer === 'PONG')
  await ready(NAMESPACE, 'redissentinel/cache')
  const seen = writer.acknowledged()
  await eventually('the client writes again', async () => writer.acknowledged(), (count) => count > seen + 50)
  const { acknowledged, lost, longestGap } = await writer.finish()
  t.equal(lost, 0, `none of ${acknowledged} acknowledged writes is lost; the longest gap was ${longestGap} ms`)
})

t.test('another password: no restart, no failover, no refused client; a failover afterwards', async (t) => {
  const [before, then] = [await uids(), await master()]
  const writer = startWriter(await address(), 6378, 'rotation', FIRST)
  await eventually('the client writes', async () => writer.acknowledged(), (count) => count > 100)
  await secret({ password: SECOND })
  await everybody('accepts the new one', SECOND, (answer) => answer === 'PONG')
  await everybody('and the former', FIRST, (answer) => answer === 'PONG')
  for (const pod of ['cache-redis-0', 'cache-sentinel-2']) await eventually(`${pod} uses it`, () => inNamespace('logs', pod, '--tail=200'), (text) => text.includes('uses the new password'), 240)
  t.strictSame(await uids(), before, 'no pod or process was restarted')
  t.equal(await master(), then, 'the same master')
  const { acknowledged, lost, longestGap } = await writer.finish()
  t.equal(lost, 0, `none of ${acknowledged} acknowledged writes is lost`)
  t.comment(`longest gap in the rotation: ${longestGap} ms`)

  const after = startWriter(await address(), 6378, 'failover', SECOND)
  await eventually('the client writes', async () => after.acknowledged(), (count) => count > 100)
  await inNamespace('delete', 'pod', then)
  await master(then)
  await ready(NAMESPACE, 'redissentinel/cache')
  const seen = after.acknowledged()
  await eventually('the client writes again', async () => after.acknowledged(), (count) => count > seen + 50)
  const written = await after.finish()
  t.equal(written.lost, 0, `none of ${written.acknowledged} acknowledged writes is lost; the longest gap was ${written.longestGap} ms`)
})

t.test('no object but the Secret holds it, and no log', async (t) => {
  const objects = await inNamespace('get', 'redis,redissentinels,configmaps,statefulsets,pods,services,roles,events,controllerrevisions', '-o', 'json')
  const logs = await Promise.all([
    ...['redis', 'sentinel'].flatMap((component) => [0, 1, 2].map((ordinal) => inNamespace('logs', `cache-${component}-${ordinal}`, '--tail=-1'))),
    ...['webhook', 'probe'].map((component) => kubectl('-n', 'redis-operator', 'logs', '-l', `app.kubernetes.io/component=${component}`, '--tail=-1')),
  ])
  for (const text of [objects, ...logs]) t.notMatch(text, /fIrst-|sEcond-/)
  t.ok(objects.length > 10_000 && logs.every((log) => log.length > 100))
})
