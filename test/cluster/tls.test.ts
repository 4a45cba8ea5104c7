// TLS on a real Kubernetes: both kinds, a failover, a renewal.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import t from 'tap'
import { makeCertificates } from '../lab/secure.ts'
import { apply, eventually, kubectl, namespace, ready, redis, redisCli, redisSentinel, roles, serviceAddress } from './fixture.ts'

const NAMESPACE = 'tls'
const PASSWORD = 'tls-password'
const folder = t.testdir({})
const inNamespace = (...args: string[]) => kubectl('-n', NAMESPACE, ...args)
const SPEC = { auth: { secretName: 'password' }, tls: { secretName: 'certificate' } }

async function putCertificate (): Promise<void> {
  const stringData = Object.fromEntries(await Promise.all(['tls.crt', 'tls.key', 'ca.crt'].map(async (file) => [file, await readFile(join(folder, file), 'utf8')])))
  await apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'certificate', namespace: NAMESPACE }, type: 'kubernetes.io/tls', stringData })
}

const ask = async (service: string, port: number, ...words: string[]) =>
  redisCli(await serviceAddress(NAMESPACE, service), port, '--tls', '--cacert', join(folder, 'ca.crt'), '--no-auth-warning', '-a', PASSWORD, ...words)
const serial = async (service: string, port: number) => {
  const address = await serviceAddress(NAMESPACE, service)
  const { stdout } = await execa('sh', ['-c', `openssl s_client -connect ${address}:${port} </dev/null 2>/dev/null | openssl x509 -noout -serial`])
  return stdout
}
const master = (not?: string) => eventually('one master', () => roles(NAMESPACE, 'cache'), (found) => found.master?.length === 1 && found.slave?.length === 2 && found.master[0] !== not)
const restarts = async () => Object.fromEntries((await inNamespace('get', 'pods', '-l', 'name=cache', '-o', 'jsonpath={range .items[*]}{.metadata.name}={.status.containerStatuses[0].restartCount} {end}'))
  .trim().split(' ').map((text) => text.split('=') as [string, string]))

t.before(async () => {
  await namespace(NAMESPACE)
  await makeCertificates(folder)
  await putCertificate()
  await apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'password', namespace: NAMESPACE }, stringData: { password: PASSWORD } })
  await apply(redis(NAMESPACE, 'one', { ...SPEC, exporter: { enable: true } }), redisSentinel(NAMESPACE, 'cache', { ...SPEC, downAfterMilliseconds: 3000 }))
  await ready(NAMESPACE, 'redis/one')
  await ready(NAMESPACE, 'redissentinel/cache')
})
t.teardown(async () => kubectl('delete', 'namespace', NAMESPACE, '--wait=false'))

t.test('both kinds answer by TLS, and nobody in plain text; the exporter is let in', async (t) => {
  t.equal(await eventually('the Service leads to it', () => ask('one-svc', 6379, 'SET', 'a', 'b'), (text) => text === 'OK'), 'OK')
  for (const [service, port] of [['one-svc', 6379], ['cache-redis-0', 6379], ['cache-sentinel-0', 26379]] as const) {
    t.equal(await eventually(`${service} answers`, () => ask(service, port, 'PING'), (text) => text === 'PONG'), 'PONG')
    t.notMatch(await redisCli(await serviceAddress(NAMESPACE, service), port, 'PING'), /PONG|NOAUTH/)
  }
  const exporter = await serviceAddress(NAMESPACE, 'one-exporter')
  t.match(await eventually('the exporter', async () => (await fetch(`http://${exporter}:9121/metrics`)).text(), (text) => /^redis_up 1$/m.test(text)), /redis_up 1/)
})

t.test('a failover by TLS: the label follows, the data is there', async (t) => {
  const { master: [before = ''] } = await master()
  t.equal(await eventually('it is written', () => ask('cache-redis-master', 6378, 'SET', 'kept', 'yes'), (text) => text === 'OK'), 'OK')
  await inNamespace('delete', 'pod', before)
  await master(before)
  t.equal(await eventually('it is read', () => ask('cache-redis-master', 6378, 'GET', 'kept'), (text) => text === 'yes'), 'yes')
  await ready(NAMESPACE, 'redissentinel/cache')
})

t.test('a renewed certificate is shown by all; no redis restarts, the sentinels do in turn, and the master stays', async (t) => {
  const [before, { master: [first = ''] }, former] = [await restarts(), await master(), await serial('cache-redis-0', 6379)]
  await makeCertificates(folder, 'leaf')
  await putCertificate()
  for (const component of ['redis', 'sentinel']) {
    for (const ordinal of [0, 1, 2]) {
      await eventually(`${component} ${ordinal} shows it`, () => serial(`cache-${component}-${ordinal}`, component === 'redis' ? 6379 : 26379),
        (text) => text.startsWith('serial=') && text !== former, 240)
    }
  }
  await eventually('the single one, too', () => serial('one-svc', 6379), (text) => text.startsWith('serial=') && text !== former)
  await ready(NAMESPACE, 'redissentinel/cache')
  for (const [pod, count] of Object.entries(await restarts())) t.equal(Number(count) - Number(before[pod]), pod.includes('sentinel') ? 1 : 0, pod)
  t.strictSame((await master()).master, [first])
})
