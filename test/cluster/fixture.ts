// The cluster that local/with-cluster.ts has prepared, and what the cluster tests ask of it.
import { execa } from 'execa'
import { stringify } from 'yaml'
import { type Cluster, ROOT } from '../../local/clusters.ts'
import type { Driver } from '../../local/install.ts'

export interface Prepared extends Cluster { readonly driver: Driver }

export function prepared (): Prepared {
  const text = process.env['REDIS_OPERATOR_CLUSTER']
  if (text === undefined) throw new Error('run these tests by "make cluster-test": they need a cluster with the operator')
  return JSON.parse(text) as Prepared
}

/** Trimmed output, standard error with it; throws on a failure. */
export async function kubectl (...args: string[]): Promise<string> {
  const { all } = await execa('kubectl', args, { cwd: ROOT, env: prepared().environment, all: true })
  return all
}

/** What the API server said to a refused manifest; throws when it accepted it. */
export async function refusal (manifest: object): Promise<string> {
  const { all, exitCode } = await execa('kubectl', ['apply', '--dry-run=server', '-f', '-'], {
    env: prepared().environment, input: stringify(manifest), all: true, reject: false,
  })
  if (exitCode === 0) throw new Error(`the API server accepted it: ${all}`)
  return all
}

export async function apply (...manifests: object[]): Promise<void> {
  const input = manifests.map((manifest) => stringify(manifest)).join('---\n')
  await execa('kubectl', ['apply', '-f', '-'], { env: prepared().environment, input })
}

export async function redisCli (host: string, port: number, ...command: string[]): Promise<string> {
  const { all } = await execa('timeout', ['3', 'redis-cli', '-h', host, '-p', String(port), ...command], { all: true, reject: false })
  return all
}

/** Asks until the answer is right; throws with the last one after `seconds`. */
export async function eventually<T> (what: string, ask: () => Promise<T>, right: (answer: T) => boolean, seconds = 120): Promise<T> {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const answer = await ask().catch((error: unknown) => error instanceof Error ? error.message : String(error)) as T
    if (typeof answer !== 'undefined' && right(answer)) return answer
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s; the last answer: ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

export async function ready (namespace: string, resource: string, seconds = 240): Promise<void> {
  await kubectl('-n', namespace, 'wait', '--for=condition=Ready', `--timeout=${seconds}s`, resource)
}

export async function serviceAddress (namespace: string, service: string): Promise<string> {
  return kubectl('-n', namespace, 'get', 'service', service, '-o', 'jsonpath={.spec.clusterIP}')
}

/** A storage class whose volumes may grow: made by the default's provisioner, which does not have to do it. */
export async function growingClass (): Promise<string> {
  const classes = JSON.parse(await kubectl('get', 'storageclasses', '-o', 'json')) as { items: { metadata: { annotations?: Record<string, string> }, provisioner: string }[] }
  const provisioner = classes.items.find(({ metadata }) => metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true')?.provisioner
  await apply({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'growing' }, provisioner, volumeBindingMode: 'WaitForFirstConsumer', allowVolumeExpansion: true })
  return 'growing'
}

/** Names of the redis pods by role label. */
export async function roles (namespace: string, name: string): Promise<{ master: string[], slave: string[] }> {
  const template = '{range .items[*]}{.metadata.name} {.metadata.labels.redis-role}{"\\n"}{end}'
  const text = await kubectl('-n', namespace, 'get', 'pods', '-l', `app=redis-sentinel,component=redis,name=${name}`, '-o', `jsonpath=${template}`)
  const of = (role: string) => text.split('\n').filter((line) => line.endsWith(` ${role}`)).map((line) => line.split(' ')[0] as string)
  return { master: of('master'), slave: of('slave') }
}

/** A namespace of its own, empty at the start. */
export async function namespace (name: string): Promise<void> {
  await kubectl('delete', 'namespace', name, '--ignore-not-found', '--timeout=180s')
  await kubectl('create', 'namespace', name)
}

export function redisSentinel (namespace: string, name: string, spec: object = {}): object {
  return { apiVersion: 'cache.iguochan.io/v1', kind: 'RedisSentinel', metadata: { name, namespace }, spec }
}

export function redis (namespace: string, name: string, spec: object = {}): object {
  return { apiVersion: 'cache.iguochan.io/v1', kind: 'Redis', metadata: { name, namespace }, spec }
}
