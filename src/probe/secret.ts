/** The password of one cluster, from the Secret that its RedisSentinel names: read when it is needed, and never logged or published. */
import type { Logger } from 'pino'
import type { ApiClient } from './api-client.ts'
import type { Passwords } from './connection.ts'
import type { PublishEvent, Subject } from './events.ts'

export interface SecretOptions {
  readonly api: ApiClient
  readonly log: Logger
  readonly now: () => number
  readonly publishEvent: PublishEvent
  readonly onChange: () => void
}

export interface Secret extends Passwords {
  /** Reads it again when that is due. */
  readonly keep: (cluster: Named | undefined) => void
}

type Named = Subject & { readonly authSecret: string | undefined }

const DEADLINE_MS = 5000
const REFRESH_MS = 300_000
const RETRY_MS = 5000
/** Many processes may refuse it at once. */
const REFUSED_MS = 1000
/** The present one, the one before, and the one that the Secret itself calls so. */
const MOST = 3

export function createSecret ({ api, log, now, publishEvent, onChange }: SecretOptions): Secret {
  let known: readonly string[] = []
  let dueAt = -Infinity
  let readAt = -Infinity
  let reading = false

  async function read ({ namespace, name, uid }: Named, secret: string): Promise<void> {
    readAt = now()
    const path = `/api/v1/namespaces/${namespace}/secrets/${secret}`
    try {
      const found = passwordsOf(await api.request<SecretObject>('GET', path, { deadlineMs: DEADLINE_MS }))
      const next = [...new Set([...found, ...known])].slice(0, MOST)
      const isNew = next.join('\n') !== known.join('\n')
      known = next
      dueAt = now() + REFRESH_MS
      if (isNew) onChange()
    } catch (err) {
      dueAt = now() + RETRY_MS
      log.warn({ err, namespace, name, secret }, 'password not read')
      const consequence = known.length > 0 ? 'the last one stays in force' : 'without it no master can be followed'
      publishEvent({ namespace, name, uid }, 'PasswordMissing', `Secret ${secret}: ${err instanceof Error ? err.message : String(err)}; ${consequence}`)
    }
  }

  return {
    known: () => known,
    refused: () => { dueAt = Math.min(dueAt, readAt + REFUSED_MS) },
    keep: (cluster) => {
      if (cluster?.authSecret === undefined || reading || now() < dueAt) return
      reading = true
      read(cluster, cluster.authSecret).finally(() => { reading = false }).catch((err: unknown) => log.error({ err }, 'password lost'))
    },
  }
}

interface SecretObject {
  readonly data?: Readonly<Record<string, string>>
}

/** As passwords.sh reads them: one line each. */
function passwordsOf ({ data = {} }: SecretObject): string[] {
  const line = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString('utf8').replace(/\n$/, '')
  const password = line('password')
  if (password === '' || password.includes('\n')) throw new Error('key password is not one line with a password')
  const previous = line('previous-password')
  return previous === '' ? [password] : [password, previous]
}
