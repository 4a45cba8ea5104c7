/** Where the API server is and how to speak to it: the pod's service account, or a kubeconfig (token or client certificate). */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

export interface Credentials {
  readonly server: string
  readonly cert?: Buffer
  readonly key?: Buffer
  /** Both are asked for before every request: the kubelet changes the files' content. */
  readonly ca?: () => Promise<string>
  readonly token?: () => Promise<string>
  /** The namespace of the service account or of the context. */
  readonly namespace: string
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'
/** A bound token is renewed at 80 % of its life, which is 10 minutes at the least. */
const MAX_AGE_MS = 60_000

export async function loadCredentials (env: NodeJS.ProcessEnv): Promise<Credentials> {
  const path = env['KUBECONFIG']
  return path ? fromKubeconfig(path) : inCluster(env)
}

async function inCluster (env: NodeJS.ProcessEnv): Promise<Credentials> {
  const host = env['KUBERNETES_SERVICE_HOST']
  if (!host) throw new Error('neither KUBECONFIG nor KUBERNETES_SERVICE_HOST is set')
  const authority = host.includes(':') ? `[${host}]` : host
  return {
    server: `https://${authority}:${env['KUBERNETES_SERVICE_PORT'] ?? '443'}`,
    ca: rereadEveryMinute(`${SERVICE_ACCOUNT}/ca.crt`),
    token: rereadEveryMinute(`${SERVICE_ACCOUNT}/token`),
    namespace: (await readFile(`${SERVICE_ACCOUNT}/namespace`, 'utf8')).trim(),
  }
}

/** A file that cannot be read for a moment, or is empty, leaves in force what was read before. */
export function rereadEveryMinute (path: string, now = () => performance.now()): () => Promise<string> {
  let content = ''
  let readAt = -Infinity
  return async () => {
    if (now() - readAt <= MAX_AGE_MS) return content
    try {
      content = (await readFile(path, 'utf8')).trim() || content
      readAt = now()
    } catch (error) {
      if (content === '') throw error
    }
    return content
  }
}

interface Kubeconfig {
  readonly 'current-context'?: string
  readonly contexts?: readonly { name: string, context: { cluster: string, user: string, namespace?: string } }[]
  readonly clusters?: readonly { name: string, cluster: Readonly<Record<string, unknown>> }[]
  readonly users?: readonly { name: string, user: Readonly<Record<string, unknown>> }[]
}

async function fromKubeconfig (path: string): Promise<Credentials> {
  // Imported only here: in a pod the parser would be dead weight.
  const { parse } = await import('yaml')
  const { server, cluster, user, namespace } = currentContext(parse(await readFile(path, 'utf8')) as Kubeconfig)
  const read = (source: Readonly<Record<string, unknown>>, name: string) => readMaterial(dirname(path), source, name)
  const [ca, cert, key] = await Promise.all([
    read(cluster, 'certificate-authority'), read(user, 'client-certificate'), read(user, 'client-key'),
  ])
  const token = user['token']
  return {
    server,
    ...(ca && { ca: async () => ca.toString() }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(typeof token === 'string' && { token: async () => token }),
    namespace,
  }
}

function currentContext (config: Kubeconfig) {
  const context = byName(config.contexts, config['current-context'])?.context
  const cluster = byName(config.clusters, context?.cluster)?.cluster
  const server = cluster?.['server']
  if (!context || !cluster || typeof server !== 'string') throw new Error('kubeconfig has no usable current context')
  return { server, cluster, user: supportedUser(config, context.user), namespace: context.namespace ?? 'default' }
}

function supportedUser ({ users }: Kubeconfig, name: string): Readonly<Record<string, unknown>> {
  const user = byName(users, name)?.user ?? {}
  if (user['exec'] || user['auth-provider']) throw new Error('kubeconfig users with exec or auth-provider are not supported')
  return user
}

function byName<Entry extends { name: string }> (entries: readonly Entry[] | undefined, name: string | undefined): Entry | undefined {
  return entries?.find((entry) => entry.name === name)
}

async function readMaterial (folder: string, source: Readonly<Record<string, unknown>>, name: string): Promise<Buffer | undefined> {
  const data = source[`${name}-data`]
  if (typeof data === 'string') return Buffer.from(data, 'base64')
  const file = source[name]
  return typeof file === 'string' ? readFile(resolve(folder, file)) : undefined
}
