// The roles list exactly the calls that are made: compared with the API server's audit log of a whole failover.
import { readdir, readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { ROOT } from '../../local/clusters.ts'
import { apply, eventually, growingClass, kubectl, namespace, prepared, ready, redisSentinel, roles } from './fixture.ts'

interface Rule { apiGroups: string[], resources: string[], verbs: string[] }
interface Manifest { kind: string, rules?: Rule[] }
interface AuditEvent {
  user: { username: string }
  verb: string
  objectRef?: { apiGroup?: string, resource: string, subresource?: string }
  annotations?: Record<string, string>
  requestReceivedTimestamp: string
}

const { flavour, kubeconfig } = prepared()
const skip = flavour === 'local' ? false : 'only the local cluster has an audit log that a test can read'

/** By the file, and by the Role that the RedisSentinel itself brings. */
async function allowed (file: string): Promise<string[]> {
  const manifests = parseAllDocuments(await readFile(resolve(ROOT, file), 'utf8')).map((document) => document.toJS() as Manifest)
  const own = JSON.parse(await kubectl('-n', NAMESPACE, 'get', 'role', 'audited-sentinel-probe', '-o', 'json')) as Manifest
  const calls = [...manifests, own].flatMap(({ rules = [] }) => rules).flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`))))
  // asked for within an apply that creates, and no call of its own
  return [...new Set(calls)].filter((call) => call !== 'create /secrets').sort()
}

async function events (user: string): Promise<AuditEvent[]> {
  const folder = resolve(dirname(kubeconfig), 'log')
  // an older cluster's log has been rotated, and the Lease is created once
  const files = (await readdir(folder)).filter((name) => name.startsWith('audit'))
  const logs = await Promise.all(files.map((name) => readFile(resolve(folder, name), 'utf8')))
  const username = `system:serviceaccount:redis-operator:${user}`
  const lines = logs.join('\n').split('\n').filter((line) => line.includes(username))
  return lines.map((line) => JSON.parse(line) as AuditEvent).filter((event) => event.user.username === username)
}

function made (calls: AuditEvent[]): string[] {
  const names = calls.flatMap(({ verb, objectRef }) => objectRef
    ? [`${verb} ${objectRef.apiGroup ?? ''}/${objectRef.resource}${objectRef.subresource ? `/${objectRef.subresource}` : ''}`]
    : [])
  return [...new Set(names)].sort()
}

const NAMESPACE = 'rbac'
const oneMaster = (not?: string) => eventually('one master and two replicas', () => roles(NAMESPACE, 'audited'),
  ({ master, slave }) => master?.length === 1 && slave?.length === 2 && master[0] !== not)

/** Everything that the probe does in its life. */
async function life (): Promise<void> {
  await namespace(NAMESPACE)
  const storageClassName = await growingClass()
  await apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'password', namespace: NAMESPACE }, stringData: { password: 'audited' } })
  const storage = (size: string) => ({ downAfterMilliseconds: 3000, auth: { secretName: 'password' }, binding: { enable: true }, storage: { size, storageClassName } })
  await apply(redisSentinel(NAMESPACE, 'audited', storage('1Gi')))
  await ready(NAMESPACE, 'redissentinel/audited')
  await apply(redisSentinel(NAMESPACE, 'audited', storage('2Gi')))
  const [before] = (await oneMaster()).master
  await kubectl('-n', NAMESPACE, 'delete', 'pod', before as string, '--wait=false')
  const { slave: [next = ''] } = await oneMaster(before)
  await kubectl('-n', NAMESPACE, 'annotate', 'redissentinel/audited', `cache.iguochan.io/switchover=${next}`)
  await eventually('the one that is wanted is master', () => roles(NAMESPACE, 'audited'), ({ master }) => master[0] === next)
}

t.teardown(async () => skip === false && kubectl('delete', 'namespace', NAMESPACE, '--wait=false'))

t.test('the probe makes exactly the calls that its roles allow', { skip }, async (t) => {
  const from = new Date().toISOString()
  await life()
  const right = await allowed('manifests/probe/rbac.yaml')
  // The probe writes its Event, and the API server its log, a moment after the label.
  await eventually('every right is used', async () => made(await events('sentinel-probe')), (calls) => right.every((call) => calls.includes(call)), 30)
  const calls = await events('sentinel-probe')
  t.strictSame(made(calls), right)
  // Not by the code: what the roles allow is answered 403, too, in a namespace that is being deleted (that of the test before).
  // Not in the past: the log may have the calls of another version. The Role for a Secret comes a moment after its CR.
  const forbidden = calls.filter(({ objectRef, annotations, requestReceivedTimestamp }) =>
    annotations?.['authorization.k8s.io/decision'] !== 'allow' && requestReceivedTimestamp > from && objectRef?.resource !== 'secrets')
  t.strictSame(forbidden, [], 'none was forbidden')
})

t.test('the webhook makes no call at all', { skip }, async (t) => {
  t.strictSame(await events('redis-operator'), [])
})
