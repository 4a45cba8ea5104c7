// The roles list exactly the calls that are made: compared with the API server's audit log of everything before this file.
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { ROOT } from '../../local/clusters.ts'
import { prepared } from './fixture.ts'

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

t.test('the probe makes exactly the calls that its roles allow', { skip }, async (t) => {
  const calls = await events('sentinel-probe')
  const made = calls.flatMap(({ verb, objectRef }) => objectRef
    ? [`${verb} ${objectRef.apiGroup ?? ''}/${objectRef.resource}${objectRef.subresource ? `/${objectRef.subresource}` : ''}`]
    : [])
  t.strictSame([...new Set(made)].sort(), await allowed('manifests/probe/rbac.yaml'))
  t.strictSame(calls.filter(({ responseStatus }) => responseStatus?.code === 403), [], 'none was forbidden')
})

t.test('the webhook makes no call at all', { skip }, async (t) => {
  t.strictSame(await events('redis-operator'), [])
})
