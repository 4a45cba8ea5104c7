/** What is measured: an existing Redis with Sentinel on some cluster, by the names that its operator gives. */
import { execa } from 'execa'
import { stringify } from 'yaml'

/** What the clients of the measured cluster need: nothing, a password, or a password and TLS. */
export const SECURITIES = ['none', 'password', 'tls'] as const
export type Security = typeof SECURITIES[number]

/** What a client shows, as the user `default`. */
export interface Login { readonly password?: string | undefined, readonly isTls?: boolean }

export interface Target {
  /** Of kubectl and of what it starts. */
  readonly environment: Record<string, string>
  /** The local cluster of this project: its processes and links can be reached from this machine. */
  readonly isLocal: boolean
  readonly namespace: string
  /** Label selector of the redis pods. */
  readonly pods: string
  /** Label and value of the master's pod, e.g. redis-role=master. */
  readonly masterLabel: string
  /** The Service of the master, and where it is reached from this machine. */
  readonly service: string
  readonly host: string
  readonly port: number
  /** Where a sentinel is reached from this machine, for the client that asks Sentinel; undefined: there is no such client. */
  readonly sentinelPort: number | undefined
  readonly masterName: string
  /** For the rolling update. */
  readonly statefulSets: readonly string[]
  /** A rotation replaces it. */
  login: Login
  /** The resource of this operator, as kubectl names it. */
  readonly parent?: string
  /** Label selector of its sentinel pods; they want the same login as its redis pods. */
  readonly sentinels?: string
  /** The folder with its certificate and the authority of that, when it has TLS. */
  readonly certificates?: string
  /** When it is measured without the probe: it must be there between the runs, or the Service would never lead to the new master. */
  readonly probe?: { readonly start: () => Promise<void>, readonly stop: () => Promise<void> }
}

export interface PodSeen {
  readonly name: string
  readonly uid: string
  readonly ip: string
  readonly node: string
  readonly isMaster: boolean
  readonly isReady: boolean
}

export async function kubectl (target: Target, ...args: string[]): Promise<string> {
  const { stdout } = await execa('kubectl', ['-n', target.namespace, ...args], { env: target.environment })
  return stdout
}

export async function apply (target: Target, manifest: object): Promise<void> {
  await execa('kubectl', ['apply', '-f', '-'], { env: target.environment, input: stringify(manifest) })
}

interface PodObject {
  metadata: { name: string, uid: string, labels?: Record<string, string>, deletionTimestamp?: string }
  spec: { nodeName?: string }
  status: { podIP?: string, conditions?: { type: string, status: string }[] }
}

export async function pods (target: Target, selector = target.pods): Promise<PodSeen[]> {
  const { items } = JSON.parse(await kubectl(target, 'get', 'pods', '-l', selector, '-o', 'json')) as { items: PodObject[] }
  const [label = '', value] = target.masterLabel.split('=')
  return items.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    uid: metadata.uid,
    ip: status.podIP ?? '',
    node: spec.nodeName ?? '',
    isMaster: metadata.labels?.[label] === value,
    isReady: metadata.deletionTimestamp === undefined && status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true,
  }))
}

/** Looks every 50 ms, if nothing else is said, up to `seconds`. */
export async function until<T> (what: string, look: () => Promise<T | undefined> | T | undefined, seconds = 120, paceMs = 50): Promise<T> {
  const end = Date.now() + seconds * 1000
  let last: unknown
  for (;;) {
    try {
      const found = await look()
      if (found !== undefined) return found
    } catch (error) {
      last = error
    }
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`, { cause: last })
    await sleep(paceMs)
  }
}

export function sleep (ms: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, ms) })
}
