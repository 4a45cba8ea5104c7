/**
 * The Secrets for applications (servicebinding.io): host, port, username, password and uri, kept right when the password changes. The hook
 * cannot make them, for it sees no password.
 */
import type { Logger } from 'pino'
import { API_VERSION } from '../api/group.ts'
import { commonLabels } from '../metadata/labels.ts'
import { type ApiClient, hasStatus } from './api-client.ts'
import { messageOf, type PublishEvent } from './events.ts'
import type { BindingFacts, ParentFacts, Parents } from './parents.ts'
import { passwordsOf, secretPath } from './secret.ts'
import { startWakeable } from './wakeable.ts'

export interface BindingsOptions {
  readonly api: ApiClient
  readonly log: Logger
  readonly parents: Pick<Parents, 'all'>
  readonly mayAct: () => boolean
  readonly publishEvent: PublishEvent
  readonly now: () => number
}

export interface Bindings {
  readonly wake: () => void
  readonly stop: () => void
}

const DEADLINE_MS = 5000
/** A changed password is there for applications before the former one ends. */
const REFRESH_MS = 30_000
/** Until the kubelets have brought a changed one to the pods, which still refuse it; the former one ends ten minutes later. */
const SPREAD_MS = 180_000
const MANAGER = 'sentinel-probe'

export function startBindings ({ api, log, parents, mayAct, publishEvent, now }: BindingsOptions): Bindings {
  const changes = new Map<string, Change>()

  async function run (): Promise<number> {
    if (!mayAct()) return REFRESH_MS
    for (const parent of parents.all()) if (parent.binding) await keep(parent, parent.binding)
    return REFRESH_MS
  }

  async function keep (parent: ParentFacts, binding: BindingFacts): Promise<void> {
    try {
      const wanted = encoded(contentOf(binding, await passwordFor(parent, binding)))
      const there = await read(parent, binding.secret)
      if (there && !isOwned(there, parent)) throw new Error(`Secret ${binding.secret} belongs to something else`)
      if (there && (sameData(wanted, there.data ?? {}) || spreads(parent.uid, there.data?.['password'], wanted['password']))) return
      await write(parent, binding.secret, wanted)
      changes.delete(parent.uid)
    } catch (err) {
      log.warn({ err, namespace: parent.namespace, name: parent.name, secret: binding.secret }, 'binding not written')
      publishEvent(parent, 'BindingNotWritten', messageOf(err))
    }
  }

  /** Is this another password, which the pods may not have yet? */
  function spreads (uid: string, before: string | undefined, password: string | undefined): boolean {
    if (before === undefined || password === undefined || before === password) return false
    const seen = changes.get(uid)
    const change = seen?.password === password ? seen : { password, since: now() }
    changes.set(uid, change)
    return now() - change.since < SPREAD_MS
  }

  async function passwordFor (parent: ParentFacts, { authSecret }: BindingFacts): Promise<string | undefined> {
    if (authSecret === undefined) return undefined
    const secret = await read(parent, authSecret)
    if (!secret) throw new Error(`Secret ${authSecret} is not there`)
    return passwordsOf(secret.data ?? {})[0]
  }

  async function write (parent: ParentFacts, secret: string, data: Record<string, string>): Promise<void> {
    const path = `${secretPath(parent.namespace, secret)}?fieldManager=${MANAGER}&force=true`
    const body = { ...secretOf(parent, secret), data }
    await api.request('PATCH', path, { body, contentType: 'application/apply-patch+yaml', deadlineMs: DEADLINE_MS, mayStart: mayAct })
    log.info({ namespace: parent.namespace, name: parent.name, secret }, 'binding written')
  }

  async function read (parent: ParentFacts, secret: string): Promise<SecretObject | undefined> {
    try {
      return await api.request<SecretObject>('GET', secretPath(parent.namespace, secret), { deadlineMs: DEADLINE_MS })
    } catch (err) {
      if (hasStatus(err, 404)) return undefined
      throw err
    }
  }

  const loop = startWakeable({ run, onError: (err) => { log.error({ err }, 'bindings not looked at'); return REFRESH_MS } })
  return { wake: loop.wake, stop: loop.stop }
}

interface Change {
  readonly password: string
  readonly since: number
}

interface SecretObject {
  readonly metadata?: { readonly ownerReferences?: readonly { readonly uid: string }[] }
  readonly data?: Readonly<Record<string, string>>
}

function isOwned ({ metadata }: SecretObject, { uid }: ParentFacts): boolean {
  return metadata?.ownerReferences?.some((owner) => owner.uid === uid) ?? false
}

function secretOf ({ app, kind, namespace, name, uid, prefix }: ParentFacts, secret: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: secret,
      namespace,
      labels: commonLabels({ app, component: 'redis', name: prefix }),
      // it goes with the CR; no controller, for then Metacontroller would take it for a child
      ownerReferences: [{ apiVersion: API_VERSION, kind, name, uid }],
    },
    type: 'servicebinding.io/redis',
  }
}

/** The well-known entries of servicebinding.io, and the sentinels. */
function contentOf ({ host, port, tls, sentinel }: BindingFacts, password: string | undefined): Record<string, string> {
  const login = password === undefined ? '' : `default:${encodeURIComponent(password)}@`
  return {
    type: 'redis',
    provider: 'redis-operator',
    host,
    port: String(port),
    uri: `${tls ? 'rediss' : 'redis'}://${login}${host}:${port}`,
    ...(password !== undefined && { username: 'default', password }),
    ...(sentinel && { 'sentinel-host': sentinel.host, 'sentinel-port': String(sentinel.port), 'sentinel-master': sentinel.masterName }),
  }
}

function encoded (content: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(content).map(([key, text]) => [key, Buffer.from(text).toString('base64')]))
}

function sameData (wanted: Record<string, string>, there: Readonly<Record<string, string>>): boolean {
  return Object.keys(there).length === Object.keys(wanted).length && Object.entries(wanted).every(([key, text]) => there[key] === text)
}
