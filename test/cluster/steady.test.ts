// The fixed point on a real API server: a hook that is asked again answers what is there already.
import { execa } from 'execa'
import t from 'tap'
import { ROOT } from '../../local/clusters.ts'
import { apply, eventually, kubectl, namespace, prepared, ready, redis, redisSentinel } from './fixture.ts'

const NAMESPACE = 'steady'

/** Every field that brings an object or a part of one. */
const FULL = {
  auth: { secretName: 'password' },
  exporter: { enable: true, resources: { limits: { memory: '128Mi' } } },
  config: { maxmemory: '64mb' },
  networkPolicy: { clients: [{ podSelector: {} }, { ipBlock: { cidr: '0.0.0.0/0' } }], metrics: [{ namespaceSelector: {} }] },
  storage: { size: '1Gi', retention: { whenScaled: 'Delete' } },
}
const PARENTS = ['redis/one', 'redissentinel/many', 'redissentinel/full']

t.before(async () => {
  await namespace(NAMESPACE)
  await apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'password', namespace: NAMESPACE }, stringData: { password: 'steady' } })
  await apply(redis(NAMESPACE, 'one', FULL), redisSentinel(NAMESPACE, 'many'), redisSentinel(NAMESPACE, 'full', FULL))
  for (const resource of PARENTS) await ready(NAMESPACE, resource)
})
t.teardown(async () => kubectl('delete', 'namespace', NAMESPACE, '--wait=false'))

/** Writes that a hook's answer can cause, as the API server counts them; a write that changes nothing counts too. */
async function writes (): Promise<number> {
  const resources = 'services|configmaps|statefulsets|poddisruptionbudgets|networkpolicies|roles|rolebindings|redis|redissentinels'
  const line = new RegExp(`^apiserver_request_total\\{.*resource="(${resources})".*\\} (\\d+)$`)
  const metrics = await kubectl('get', '--raw', '/metrics')
  return metrics.split('\n').reduce((sum, text) => {
    const [, resource = '', count] = line.exec(text) ?? []
    if (!count || !/verb="(POST|PUT|PATCH|APPLY|DELETE)"/.test(text)) return sum
    // the controllers of Kubernetes write the status of StatefulSets and budgets: not ours
    return /subresource="status"/.test(text) && !resource.startsWith('redis') ? sum : sum + Number(count)
  }, 0)
}

/** How often the hooks were asked to sync, by all webhook pods together. */
async function syncs (): Promise<number> {
  const addresses = (await kubectl('-n', 'redis-operator', 'get', 'pods', '-l', 'app.kubernetes.io/component=webhook', '-o', 'jsonpath={.items[*].status.podIP}')).split(' ')
  const texts = await Promise.all(addresses.map(async (address) => (await fetch(`http://${address}:9090/metrics`)).text()))
  const counts = texts.flatMap((text) => [...text.matchAll(/^redis_operator_hook_requests_total\{hook="[\w-]+\/sync",code="200"\} (\d+)/gm)])
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}

t.test('a settled parent that is synced again causes no write', async (t) => {
  // settled: two readings with syncs between them that agree
  let before = await writes()
  for (let round = 1; round <= 3; round++) {
    const asked = await syncs()
    await kubectl('-n', NAMESPACE, 'annotate', '--overwrite', ...PARENTS, `touched=${round}`)
    await eventually('all parents are synced again', syncs, (count) => count >= asked + PARENTS.length)
    const after = await writes()
    t.comment(`round ${round}: ${after - before} writes, ${PARENTS.length} of them the annotations`)
    if (round === 3) t.equal(after - before, PARENTS.length, 'only the annotations were written')
    before = after
  }
})

t.test('the request that is captured from the cluster is the one that is answered: every child is kept', async (t) => {
  for (const resource of PARENTS) {
    t.equal(await kubectl('-n', NAMESPACE, 'get', resource, '-o', 'jsonpath={.status.conditions[?(@.type=="Applied")].reason}'), 'AllApplied')
    const { stdout: request } = await execa('npx', ['tsx', 'local/capture.ts', NAMESPACE, resource], { cwd: ROOT, env: prepared().environment })
    t.notMatch(request, /managedFields|last-applied/)
    const { stdout } = await execa('npx', ['tsx', 'src/operator/render.ts', '--explain', '-'], { cwd: ROOT, input: request })
    const lines = stdout.slice(0, stdout.indexOf('---')).trim().split('\n')
    t.ok(lines.length >= 5 && lines.every((line) => line.startsWith('keep ')), lines.filter((line) => !line.startsWith('keep ')).join('\n'))
    t.match(stdout, /phase: Ready/)
  }
})

t.test('an invalid spec is a condition, and what runs goes on running', async (t) => {
  const pods = () => kubectl('-n', NAMESPACE, 'get', 'pods', '-l', 'name=many', '-o', 'jsonpath={.items[*].metadata.uid}')
  const field = (path: string) => kubectl('-n', NAMESPACE, 'get', 'rss', 'many', '-o', `jsonpath=${path}`)
  const before = await pods()
  await apply(redisSentinel(NAMESPACE, 'many', { quorum: 7 }))
  await kubectl('-n', NAMESPACE, 'wait', '--for=condition=SpecValid=False', '--timeout=60s', 'rss/many')
  t.equal(await field('{.status.phase}'), 'Error')
  t.match(await field('{.status.conditions[?(@.type=="SpecValid")].message}'), /quorum 7 is more than the 3 sentinels.*last valid spec stays/)
  t.equal(await pods(), before, 'the same pods run')
  await apply(redisSentinel(NAMESPACE, 'many'))
  await ready(NAMESPACE, 'redissentinel/many')
  t.equal(await pods(), before, 'and still do when it is corrected')
})
