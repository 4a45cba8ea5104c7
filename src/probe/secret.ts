/**
 * How the processes of one cluster are reached: by its identity, and by password and certificate of the Secrets that its RedisSentinel
 * names, which are read when they are needed, and never logged or published.
 */
import type { Logger } from 'pino'
import { clusterIdentity, hash } from '../metadata/names.ts'
import type { ApiClient } from './api-client.ts'
import type { Access, Certificate, Login } from './connection.ts'
import { messageOf, type PublishEvent, type Subject } from './events.ts'

export interface SecretOptions {
  readonly api: ApiClient
  readonly log: Logger
  readonly now: () => number
  readonly publishEvent: PublishEvent
  readonly onChange: () => void
}

export interface Secret extends Access {
  /** Reads them again when that is due. */
  readonly keep: (cluster: Named | undefined) => void
}

type Named = Subject & { readonly authSecret: string | undefined, readonly tlsSecret: string | undefined }

interface Known {
  readonly passwords: readonly string[]
  readonly certificate: Certificate | undefined
}

const USER = 'operator-probe'
const DEADLINE_MS = 5000
const REFRESH_MS = 300_000
const RETRY_MS = 5000
/** Many processes may refuse it at once. */
const REFUSED_MS = 1000
/** The present one, the one before, and the one that the Secret itself calls so. */
const MOST = 3

export function createSecret ({ api, log, now, publishEvent, onChange }: SecretOptions): Secret {
  let known: Known = { passwords: [], certificate: undefined }
  let dueAt = -Infinity
  let readAt = -Infinity
  let reading = false
  let identity: { readonly uid: string, readonly text: string } | undefined

  async function read (cluster: Named): Promise<void> {
    readAt = now()
    const results = await Promise.all([
      readOne(cluster, cluster.authSecret, (data) => {
        const passwords = [...new Set([...passwordsOf(data), ...known.passwords])].slice(0, MOST)
        change({ ...known, passwords })
      }),
      readOne(cluster, cluster.tlsSecret, (data) => change({ ...known, certificate: certificateOf(data) })),
    ])
    dueAt = now() + (results.every(Boolean) ? REFRESH_MS : RETRY_MS)
  }

  async function readOne ({ namespace, name, uid }: Named, secret: string | undefined, use: (data: Data) => void): Promise<boolean> {
    if (secret === undefined) return true
    try {
      const { data = {} } = await api.request<{ data?: Data }>('GET', secretPath(namespace, secret), { deadlineMs: DEADLINE_MS })
      use(data)
      return true
    } catch (err) {
      log.warn({ err, namespace, name, secret }, 'secret not usable')
      publishEvent({ namespace, name, uid }, 'SecretUnusable', `Secret ${secret}: ${messageOf(err)}`)
      return false
    }
  }

  function change (next: Known): void {
    const isNew = JSON.stringify(next) !== JSON.stringify(known)
    known = next
    if (isNew) onChange()
  }

  return {
    logins: () => identity ? loginsOf(identity.text, known.passwords) : [],
    certificate: () => known.certificate,
    refused: () => { dueAt = Math.min(dueAt, readAt + REFUSED_MS) },
    keep: (cluster) => {
      if (!cluster) return
      const { namespace, name, uid } = cluster
      if (identity?.uid !== uid) identity = { uid, text: clusterIdentity(namespace, name, uid) }
      if ((cluster.authSecret ?? cluster.tlsSecret) === undefined || reading || now() < dueAt) return
      if (cluster.tlsSecret !== undefined) known = { ...known, certificate: known.certificate ?? {} }
      reading = true
      read(cluster).finally(() => { reading = false }).catch((err: unknown) => log.error({ err }, 'secret lost'))
    },
  }
}

/**
 * The probe has a user of its own, with a password that is made from the cluster's identity and the Secret's password (passwords.sh). Pods
 * of a version without identities have it with passwords alone, or not at all: there it is the default user, who may do everything.
 */
function loginsOf (identity: string, passwords: readonly string[]): Login[] {
  const own = (text: string): Login => ({ username: USER, password: hash('sha256', `${USER}:${text}`) })
  return [
    // also without the password: while a running cluster gets one no pod wants it until all have it
    ...[...passwords, ''].map((password): Login => ({ ...own(`${identity}:${password}`), proves: true })),
    ...passwords.map(own),
    ...(passwords.length > 0 ? passwords.map((password) => ({ username: 'default', password })) : [{}]),
  ]
}

export function secretPath (namespace: string, secret: string): string {
  return `/api/v1/namespaces/${namespace}/secrets/${secret}`
}

type Data = Readonly<Record<string, string>>

function text (data: Data, key: string): string {
  return Buffer.from(data[key] ?? '', 'base64').toString('utf8')
}

/** As passwords.sh reads them: one line each. */
export function passwordsOf (data: Data): string[] {
  const [password = '', previous = ''] = ['password', 'previous-password'].map((key) => lineOf(text(data, key)))
  if (password === '') throw new Error('key password is not one line with a password')
  return previous === '' ? [password] : [password, previous]
}

/** Empty when there are more. */
function lineOf (text: string): string {
  const [line = '', more = ''] = text.split('\n')
  return more === '' ? line : ''
}

function certificateOf (data: Data): Certificate {
  const missing = ['ca.crt', 'tls.crt', 'tls.key'].find((key) => text(data, key) === '')
  if (missing !== undefined) throw new Error(`key ${missing} is missing or empty`)
  return { ca: text(data, 'ca.crt'), cert: text(data, 'tls.crt'), key: text(data, 'tls.key') }
}
