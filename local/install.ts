/** Puts the operator into a cluster: CRDs, webhook, probe, and what calls the hook there. */
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { execa } from 'execa'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { type Cluster, ROOT } from './clusters.ts'
import { say } from './terminal.ts'

/** Own manifests of Metacontroller; the version that this project was tested with (metacontroller/README.md). */
const METACONTROLLER = 'https://github.com/metacontroller/metacontroller/manifests/production?ref=v4.17.2'
const NAMESPACE = 'redis-operator'
const CONTROLLERS = ['redis', 'redis-sentinel'] as const

export type Driver = 'embedded' | 'metacontroller-binary' | 'metacontroller'

export interface MetacontrollerBinary {
  readonly path: string
  /** As in `--apply-strategy`. */
  readonly strategy: 'dynamic-apply' | 'server-side-apply'
}

export interface Installation {
  readonly driver: Driver
  /** Ends what was started outside of the cluster. */
  readonly stop: () => Promise<void>
}

export function kubectl (cluster: Cluster, ...args: string[]) {
  return execa('kubectl', args, { env: cluster.environment, cwd: ROOT })
}

/** Returns when all of it is ready. With a binary of Metacontroller that one calls the hook, else the embedded driver does. */
export async function install (cluster: Cluster, binary: MetacontrollerBinary | undefined): Promise<Installation> {
  say('installing CRDs, webhook and probe')
  await apply(cluster, await kustomize(cluster, 'manifests/crds'))
  await kubectl(cluster, 'wait', '--for=condition=Established', '--timeout=60s', 'crd', 'redis.cache.iguochan.io', 'redissentinels.cache.iguochan.io')
  await apply(cluster, await kustomize(cluster, 'manifests/operator'))
  await apply(cluster, await kustomize(cluster, 'manifests/probe'))
  const stop = await installDriver(cluster, binary)
  const deployments = ['redis-operator', 'sentinel-probe', ...(isEmbedded(cluster, binary) ? ['embedded-driver'] : [])]
  for (const name of deployments) {
    await kubectl(cluster, '-n', NAMESPACE, 'rollout', 'status', `deployment/${name}`, '--timeout=180s')
  }
  const driver: Driver = isEmbedded(cluster, binary) ? 'embedded' : binary ? 'metacontroller-binary' : 'metacontroller'
  say(`operator is ready; the hook is called by ${{ embedded: 'the embedded driver', metacontroller: 'Metacontroller', 'metacontroller-binary': `${binary?.path} in ${binary?.strategy} mode` }[driver]}`)
  return { driver, stop }
}

function isEmbedded (cluster: Cluster, binary: MetacontrollerBinary | undefined): boolean {
  return cluster.flavour === 'local' && !binary
}

async function installDriver (cluster: Cluster, binary: MetacontrollerBinary | undefined): Promise<() => Promise<void>> {
  const nothing = async () => {}
  if (isEmbedded(cluster, binary)) {
    const files = CONTROLLERS.map((name) => `--from-file=metacontroller/${name}.yaml`)
    const { stdout } = await kubectl(cluster, '-n', NAMESPACE, 'create', 'configmap', 'composite-controllers', ...files, '--dry-run=client', '-o', 'yaml')
    await apply(cluster, [parse(stdout)])
    await apply(cluster, await kustomize(cluster, 'manifests/embedded'))
    return nothing
  }
  await kubectl(cluster, '-n', NAMESPACE, 'delete', 'deployment', 'embedded-driver', '--ignore-not-found')
  if (!binary) {
    await kubectl(cluster, 'apply', '--server-side', '-k', METACONTROLLER)
    await kubectl(cluster, 'wait', '--for=condition=Established', '--timeout=60s', 'crd', 'compositecontrollers.metacontroller.k8s.io')
    await apply(cluster, await kustomize(cluster, 'metacontroller'))
    return nothing
  }
  return startBinary(cluster, binary)
}

/** As a process of this machine: it has no cluster DNS, so the hooks' Service is given by its address. */
async function startBinary (cluster: Cluster, binary: MetacontrollerBinary): Promise<() => Promise<void>> {
  await kubectl(cluster, 'apply', '--server-side', '-f', 'local/metacontroller-crds.yaml')
  await kubectl(cluster, 'wait', '--for=condition=Established', '--timeout=60s', 'crd', 'compositecontrollers.metacontroller.k8s.io')
  const { stdout: address } = await kubectl(cluster, '-n', NAMESPACE, 'get', 'service', 'redis-operator', '-o', 'jsonpath={.spec.clusterIP}')
  for (const name of CONTROLLERS) {
    const controller = parse(await readFile(resolve(ROOT, `metacontroller/${name}.yaml`), 'utf8'))
    for (const hook of Object.values<{ webhook: { service?: object, path?: string, url?: string } }>(controller.spec.hooks)) {
      hook.webhook.url = `http://${address}:8080${hook.webhook.path}`
      delete hook.webhook.service
      delete hook.webhook.path
    }
    await apply(cluster, [controller])
  }
  const file = resolve(dirname(cluster.kubeconfig), 'metacontroller.log')
  return keepRunning(metacontrollerPidFile(cluster), () => execa(binary.path, [
    '--kubeconfig', cluster.kubeconfig, '--discovery-interval=500ms', '--metrics-address=127.0.0.1:9999', '--health-probe-bind-address=127.0.0.1:0',
    '--client-go-qps=50', '--client-go-burst=100', '--zap-log-level=4', `--apply-strategy=${binary.strategy}`
  ], { stdin: 'ignore', stdout: { file, append: true }, stderr: { file, append: true }, reject: false }))
}

/** Holds the process id of the Metacontroller that is running: a test may end it, and it is started again. */
export function metacontrollerPidFile ({ kubeconfig }: Cluster): string {
  return resolve(dirname(kubeconfig), 'metacontroller.pid')
}

type Process = PromiseLike<unknown> & { readonly pid?: number, kill (signal: NodeJS.Signals): boolean }

/** As its StatefulSet would. */
async function keepRunning (pidFile: string, start: () => Process): Promise<() => Promise<void>> {
  let child = start()
  let stopping = false
  const noted = () => writeFile(pidFile, String(child.pid))
  async function supervise (): Promise<void> {
    await child
    if (stopping) return
    child = start()
    await noted()
    return supervise()
  }
  await noted()
  const supervised = supervise()
  return async () => {
    stopping = true
    child.kill('SIGTERM')
    await supervised
  }
}

type Manifest = { kind?: string, spec?: { template?: { metadata?: { annotations?: Record<string, string> } } } }

async function kustomize (cluster: Cluster, folder: string): Promise<Manifest[]> {
  const { stdout } = await kubectl(cluster, 'kustomize', folder)
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest)
}

/** A rebuilt image has the same tag: its identity in the pod template makes the Deployments take it. */
async function apply (cluster: Cluster, manifests: Manifest[]): Promise<void> {
  for (const { kind, spec } of manifests) {
    if (kind !== 'Deployment' || !spec?.template) continue
    const metadata = spec.template.metadata ??= {}
    metadata.annotations = { ...metadata.annotations, 'cache.iguochan.io/image': cluster.imageId }
  }
  const input = manifests.map((manifest) => stringify(manifest, { aliasDuplicateObjects: false })).join('---\n')
  await execa('kubectl', ['apply', '--server-side', '--force-conflicts', '-f', '-'], { env: cluster.environment, input })
}
