// The roles list exactly the calls that are made: compared with the API server's audit log of a whole failover.
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { ROOT } from '../../local/clusters.ts'
import { apply, eventually, kubectl, namespace, prepared, ready, redisSentinel, roles } from './fixture.ts'

interface Rule { apiGroups: string[], resources: string[], verbs: string[] }
interface Manifest { kind: string, rules?: Rule[] }
interface AuditEvent {
  user: { username: string }
  verb: string
  objectRef?: { apiGroup?: string, resource: string, subresource?: string }
  responseStatus?: { code: number }
}

const { flavour, kubeconfig } = prepared()
const skip = flavour === 'local' ? false : 'only the local cluster has an audit log that a test can read'

async function allowed (file: string): Promise<string[]> {
  const manifests = parseAllDocuments(await readFile(resolve(ROOT, file), 'utf8')).map((document) => document.toJS() as Manifest)
  const calls = manifests.flatMap(({ rules = [] }) => rules).flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`))))
  return [...new Set(calls)].sort()
}

async function events (user: string): Promise<AuditEvent[]> {
  const log = await readFile(resolve(dirname(kubeconfig), 'log/audit.log'), 'utf8')
  const all = log.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as AuditEvent)
  return all.filter(({ user: { username } }) => username === `system:serviceaccount:redis-operator:${user}`)
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

async function failover (): Promise<void> {
  await namespace(NAMESPACE)
  await apply(redisSentinel(NAMESPACE, 'audited', { downAfterMilliseconds: 3000 }))
  await ready(NAMESPACE, 'redissentinel/audited')
  const [before] = (await oneMaster()).master
  await kubectl('-n', NAMESPACE, 'delete', 'pod', before as string, '--wait=false')
  await oneMaster(before)
}

t.teardown(async () => skip === false && kubectl('delete', 'namespace', NAMESPACE, '--wait=false'))

t.test('the probe makes exactly the calls that its roles allow', { skip }, async (t) => {
  await failover()
  const right = await allowed('manifests/probe/rbac.yaml')
  // The probe writes its Event, and the API server its log, a moment after the label.
  await eventually('every right is used', async () => made(await events('sentinel-probe')), (calls) => right.every((call) => calls.includes(call)), 30)
  const calls = await events('sentinel-probe')
  t.strictSame(made(calls), right)
  t.strictSame(calls.filter(({ responseStatus }) => responseStatus?.code === 403), [], 'none was forbidden')
})

t.test('the webhook makes no call at all', { skip }, async (t) => {
  t.strictSame(await events('redis-operator'), [])
})
