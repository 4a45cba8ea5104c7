/** Where the demo and the cluster tests run: a given cluster, kind where Docker answers, else the local cluster. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { say } from './terminal.ts'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))
const IMAGE = 'redis-operator:0.1.0'

export interface Cluster {
  readonly flavour: 'given' | 'kind' | 'local'
  /** For kubectl and the processes that talk to the API server. */
  readonly kubeconfig: string
  /** Environment of every command of this cluster: KUBECONFIG and a PATH with kubectl. */
  readonly environment: Record<string, string>
  /** Where NodePorts answer. */
  readonly nodeAddress: string
  /** Identifies the operator image that the nodes have, so that a rebuilt one restarts the operator. */
  readonly imageId: string
  readonly use: string
  readonly remove: string
}

/** Brings a cluster up, or takes the given one, with the operator's image on its nodes. Shows progress. */
export async function cluster (given: string | undefined, address: string | undefined): Promise<Cluster> {
  if (given !== undefined) return givenCluster(given, address)
  return await dockerAnswers() ? kindCluster() : localCluster()
}

async function givenCluster (path: string, address: string | undefined): Promise<Cluster> {
  const kubeconfig = resolve(path)
  if (!existsSync(kubeconfig)) throw new Error(`DEMO_KUBECONFIG names ${kubeconfig}, which does not exist`)
  const environment = { KUBECONFIG: kubeconfig }
  const template = '{range .items[0].status.addresses[*]}{.type}={.address}{"\\n"}{end}'
  const { stdout } = await execa('kubectl', ['get', 'nodes', '-o', `jsonpath=${template}`], { env: environment })
  const found = /^ExternalIP=(.+)$/m.exec(stdout)?.[1] ?? /^InternalIP=(.+)$/m.exec(stdout)?.[1]
  const nodeAddress = address ?? found
  if (!nodeAddress) throw new Error('no node has an address; give one with DEMO_NODE_ADDRESS')
  say(`using the cluster of ${path}, NodePorts at ${nodeAddress}; its nodes must be able to pull ${IMAGE}`)
  return {
    flavour: 'given', kubeconfig, environment, nodeAddress, imageId: 'given', use: `export KUBECONFIG=${kubeconfig}`, remove: 'make undeploy',
  }
}

async function dockerAnswers (): Promise<boolean> {
  const { exitCode } = await execa('docker', ['info'], { reject: false, timeout: 10_000, stdio: 'ignore' })
  return exitCode === 0
}

async function kindCluster (): Promise<Cluster> {
  const show = { stdio: 'inherit', cwd: ROOT } as const
  const { stdout } = await execa('kind', ['get', 'clusters'])
  if (!stdout.split('\n').includes('redis-operator')) {
    say('creating a kind cluster')
    await execa('kind', ['create', 'cluster', '--config', 'local/kind.yaml', '--wait', '120s'], show)
  }
  say(`building ${IMAGE}`)
  await execa('docker', ['build', '-t', IMAGE, '.'], show)
  await execa('kind', ['load', 'docker-image', '--name', 'redis-operator', IMAGE], show)
  const { stdout: imageId } = await execa('docker', ['image', 'inspect', '-f', '{{.Id}}', IMAGE])
  const kubeconfig = resolve(ROOT, 'local/.kind-kubeconfig')
  await execa('kind', ['export', 'kubeconfig', '--name', 'redis-operator', '--kubeconfig', kubeconfig])
  return {
    flavour: 'kind',
    kubeconfig,
    environment: { KUBECONFIG: kubeconfig },
    nodeAddress: '127.0.0.1',
    imageId,
    use: `export KUBECONFIG=${kubeconfig}`,
    remove: 'kind delete cluster --name redis-operator',
  }
}

/** The cluster without Docker: real kubelets in namespaces of this machine (local/README.md). */
async function localCluster (): Promise<Cluster> {
  const script = async (file: string, ...args: string[]) => {
    await execa(`local/${file}`, args, { stdio: 'inherit', cwd: ROOT })
  }
  const ask = async (file: string, ...args: string[]) => (await execa(`local/${file}`, args, { cwd: ROOT })).stdout.trim()
  say('bringing up the local cluster: one control plane and three workers')
  await script('images')
  await script('cluster', 'up')
  say(`building ${IMAGE} from the Dockerfile`)
  await script('images', 'build', IMAGE, '.')
  const archives = await Promise.all([IMAGE, 'redis', 'redis-exporter'].map((name) => ask('images', 'path', name)))
  await script('cluster', 'load-image', ...archives)
  const kubeconfig = await ask('cluster', 'kubeconfig')
  const { stdout: sum } = await execa('sha256sum', [archives[0] as string])
  const bin = resolve(kubeconfig, '../bin')
  return {
    flavour: 'local',
    kubeconfig,
    environment: { KUBECONFIG: kubeconfig, PATH: `${bin}:${process.env['PATH']}` },
    nodeAddress: '10.89.0.11',
    imageId: sum.slice(0, 16),
    use: `export KUBECONFIG=${kubeconfig} PATH=${bin}:$PATH`,
    remove: 'local/cluster down',
  }
}
