/**
 * `npm run capture -- NAMESPACE redissentinel/NAME`: the sync request that Metacontroller sends for a CR now, made from what a cluster
 * holds, without what the hook never reads: for `npm run render -- --explain`, a bug report, or a test case.
 */
import { readFile } from 'node:fs/promises'
import { execa } from 'execa'
import { parse } from 'yaml'
import { EMPTY } from '../src/hook/rehearse.ts'
import { parentPrefix } from '../src/metadata/names.ts'
import { ROOT } from './clusters.ts'

const USAGE = `usage: npm run capture -- NAMESPACE redis/NAME|redissentinel/NAME > request.json
Prints the sync request for a CR of the cluster of KUBECONFIG. Pods are there with name, labels, owner, volumes' names and status alone; managedFields and
last-applied annotations are left out. Secrets are never read. Then:
  npm run render -- --explain request.json
  curl -sd @request.json http://WEBHOOK:8080/v1/redis-sentinel/sync`

interface KubernetesObject {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace: string
    uid?: string
    annotations?: Record<string, string>
    ownerReferences?: { uid: string, controller?: boolean }[]
    managedFields?: unknown
  }
  spec?: object
  status?: object
}

const CHILDREN = [
  'configmaps', 'services', 'statefulsets.apps', 'poddisruptionbudgets.policy', 'networkpolicies.networking.k8s.io',
  'roles.rbac.authorization.k8s.io', 'rolebindings.rbac.authorization.k8s.io',
]
/** kubectl's and Metacontroller's: the object once more. */
const LAST_APPLIED = '/last-applied-configuration'

async function get (namespace: string, ...what: string[]): Promise<KubernetesObject> {
  const { stdout } = await execa('kubectl', ['-n', namespace, 'get', ...what, '-o', 'json'])
  return JSON.parse(stdout) as KubernetesObject
}

async function list (namespace: string, ...what: string[]): Promise<KubernetesObject[]> {
  const { items } = await get(namespace, ...what) as unknown as { items: KubernetesObject[] }
  return items
}

function redacted ({ metadata, ...rest }: KubernetesObject): KubernetesObject {
  const { managedFields: _, annotations = {}, ...kept } = metadata
  const left = Object.fromEntries(Object.entries(annotations).filter(([key]) => !key.endsWith(LAST_APPLIED)))
  return { ...rest, metadata: { ...kept, ...(Object.keys(left).length > 0 && { annotations: left }) } }
}

/** The hook reads who a pod is, how it is and which volumes it has, never what runs in it. */
function redactedPod (pod: KubernetesObject): KubernetesObject {
  const { apiVersion, kind, metadata, spec, status } = redacted(pod)
  const { volumes = [] } = (spec ?? {}) as { volumes?: { name: string }[] }
  return { apiVersion, kind, metadata, spec: { volumes: volumes.map(({ name }) => ({ name })) }, ...(status && { status }) }
}

function grouped (objects: readonly KubernetesObject[]): Record<string, Record<string, KubernetesObject>> {
  const groups: Record<string, Record<string, KubernetesObject>> = {}
  for (const object of objects) {
    const { apiVersion, kind, metadata: { namespace, name } } = object
    groups[`${kind}.${apiVersion}`] = { ...groups[`${kind}.${apiVersion}`], [`${namespace}/${name}`]: object }
  }
  return groups
}

async function main ([namespace, resource]: string[]): Promise<number> {
  if (namespace === undefined || namespace === '--help' || resource === undefined) {
    console.log(USAGE)
    return namespace === '--help' ? 0 : 2
  }
  const parent = await get(namespace, resource)
  const name = parent.kind === 'Redis' ? 'redis' : 'redis-sentinel'
  const children = (await list(namespace, CHILDREN.join(','))).filter(({ metadata }) =>
    metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === parent.metadata.uid))
  const ofParent = ['-l', `app=${name},name=${parentPrefix(parent.metadata.name)}`]
  const pods = await list(namespace, 'pods', ...ofParent)
  const claims = await list(namespace, 'persistentvolumeclaims', ...ofParent)
  const controller = parse(await readFile(`${ROOT}/metacontroller/${name}.yaml`, 'utf8')) as object
  const request = {
    controller,
    parent: redacted(parent),
    children: { ...EMPTY, ...grouped(children.map(redacted)) },
    related: { 'Pod.v1': {}, 'PersistentVolumeClaim.v1': {}, ...grouped([...pods.map(redactedPod), ...claims.map(redacted)]) },
    finalizing: false,
  }
  console.log(JSON.stringify(request, null, 2))
  return 0
}

main(process.argv.slice(2)).then((code) => { process.exitCode = code }, (error: unknown) => {
  console.error(`capture: ${error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)}`)
  process.exitCode = 1
})
