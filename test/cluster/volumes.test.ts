// Volume claims instead of hostPath: data outlives the CR, and nothing else does.
import t from 'tap'
import { apply, eventually, growingClass, kubectl, namespace, ready, redis, redisCli, serviceAddress } from './fixture.ts'

const NAMESPACE = 'volumes'

/** Ready is not yet reachable: kube-proxy follows within a second. */
async function ask (...command: string[]): Promise<string> {
  const address = await serviceAddress(NAMESPACE, 'kept-svc')
  return eventually('the Service leads to it', () => redisCli(address, 6379, ...command), (answer) => !answer.includes('Could not connect'), 30)
}

t.before(async () => namespace(NAMESPACE))
t.teardown(async () => kubectl('delete', 'namespace', NAMESPACE, '--wait=false'))

t.test('a Redis without hostPath keeps its data in a claim that outlives the CR', async (t) => {
  await apply(redis(NAMESPACE, 'kept', { exporter: { enable: true } }))
  await ready(NAMESPACE, 'redis/kept')
  t.equal(await ask('SET', 'k', 'v'), 'OK')

  const exporter = await serviceAddress(NAMESPACE, 'kept-exporter')
  const metrics = await eventually('the exporter answers', async () => (await fetch(`http://${exporter}:9121/metrics`)).text(), (text) => /^redis_up 1$/m.test(text))
  t.match(metrics, /redis_up 1/, 'the exporter sees Redis')

  await kubectl('-n', NAMESPACE, 'delete', 'redis', 'kept')
  const left = await eventually('only the claim is left',
    () => kubectl('-n', NAMESPACE, 'get', 'all,configmaps,pdb,pvc', '-l', 'name=kept', '-o', 'name'),
    (text) => !/^(pod|service|statefulset|configmap|poddisruptionbudget)/m.test(text))
  t.equal(left, 'persistentvolumeclaim/data-kept-redis-0')

  await apply(redis(NAMESPACE, 'kept', {}))
  await ready(NAMESPACE, 'redis/kept')
  t.equal(await ask('GET', 'k'), 'v', 'a CR of the same name finds its data again')
})

t.test('a claim grows with the spec where its class allows it, and the condition waits for the storage', async (t) => {
  const storageClassName = await growingClass()
  const applied = () => kubectl('-n', NAMESPACE, 'get', 'redis', 'grows', '-o', 'jsonpath={.status.conditions[?(@.type=="Applied")].reason} {.status.conditions[?(@.type=="Applied")].message}')
  await apply(redis(NAMESPACE, 'grows', { storage: { size: '1Gi', storageClassName } }))
  await ready(NAMESPACE, 'redis/grows')
  const pod = () => kubectl('-n', NAMESPACE, 'get', 'pod', 'grows-redis-0', '-o', 'jsonpath={.metadata.uid}')
  const before = await pod()
  await apply(redis(NAMESPACE, 'grows', { storage: { size: '2Gi', storageClassName } }))
  t.match(await eventually('the claim asks for more', applied, (text) => text.includes('has 1Gi')), /^VolumesGrowing data-grows-redis-0 has 1Gi of 2Gi\./)
  t.equal(await kubectl('-n', NAMESPACE, 'get', 'pvc', 'data-grows-redis-0', '-o', 'jsonpath={.spec.resources.requests.storage}'), '2Gi')
  // what a storage driver does; the local cluster has none that grows
  await kubectl('-n', NAMESPACE, 'patch', 'pvc', 'data-grows-redis-0', '--subresource=status', '--type=merge', '-p', '{"status":{"capacity":{"storage":"2Gi"}}}')
  t.match(await eventually('it has grown', applied, (text) => text.startsWith('AllApplied')), /AllApplied/)
  t.equal(await pod(), before, 'nothing was restarted')
})

t.test('a claim goes with its CR where the user wants that', async (t) => {
  const claims = () => kubectl('-n', NAMESPACE, 'get', 'pvc', '-l', 'name=brief', '-o', 'name')
  await apply(redis(NAMESPACE, 'brief', { storage: { size: '1Gi', retention: { whenDeleted: 'Delete' } } }))
  await ready(NAMESPACE, 'redis/brief')
  t.equal(await claims(), 'persistentvolumeclaim/data-brief-redis-0')
  await kubectl('-n', NAMESPACE, 'delete', 'redis', 'brief')
  t.equal(await eventually('the claim is gone', claims, (text) => text === ''), '')
})
