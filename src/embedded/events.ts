/** SyncError events on parents, repeated ones counted up in place, and no more of them than Metacontroller would write. */
import { randomBytes } from 'node:crypto'
import { apiStatus } from './failures.ts'
import type { Logger } from 'pino'
import type { ApiClient } from './api-client.ts'
import type { KubeObject } from './objects.ts'

export type EventRecorder = { syncError: (parent: KubeObject, message: string) => Promise<void> }

type Options = { api: ApiClient, log: Logger, now: () => Date }
type Bucket = { tokens: number, at: number }
type Recorded = { name: string, count: number }

const BURST = 25
const REFILL_MS = 300_000
const MAX_MESSAGE = 1024
/** Enough for the parents that fail at the same time; beyond it the oldest is forgotten, which costs one more event. */
const MAX_REMEMBERED = 4096

export function createEventRecorder ({ api, log, now }: Options): EventRecorder {
  const buckets = new Map<string, Bucket>()
  const recorded = new Map<string, Recorded>()

  async function write (parent: KubeObject, message: string): Promise<void> {
    const key = `${parent.metadata.uid} ${message}`
    const known = recorded.get(key)
    const namespace = parent.metadata.namespace ?? 'default'
    if (known) {
      const count = known.count + 1
      const patch = { count, lastTimestamp: timestamp(now()) }
      const found = await api.patchEvent({ metadata: { name: known.name, namespace } }, patch).then(() => true, notFound)
      if (found) return remember(recorded, key, { ...known, count })
    }
    const event = syncErrorEvent(parent, namespace, message, timestamp(now()))
    await api.createEvent(event)
    remember(recorded, key, { name: event.metadata.name, count: 1 })
  }

  return {
    syncError: async (parent, text) => {
      const uid = parent.metadata.uid ?? ''
      const bucket = spend(buckets.get(uid), now().getTime())
      if (!bucket) return
      remember(buckets, uid, bucket)
      // An event that cannot be written must not fail the sync it tells of.
      await write(parent, text.slice(0, MAX_MESSAGE)).catch((err: unknown) => log.warn({ err }, 'event not written'))
    },
  }
}

/** Events are deleted after an hour: the count then starts anew. */
function notFound (error: unknown): boolean {
  if (apiStatus(error) === 404) return false
  throw error
}

/** One token of a bucket that gains one every five minutes; undefined when it is empty. */
export function spend (bucket: Bucket | undefined, at: number): Bucket | undefined {
  const tokens = bucket ? Math.min(BURST, bucket.tokens + (at - bucket.at) / REFILL_MS) : BURST
  return tokens < 1 ? undefined : { tokens: tokens - 1, at }
}

function remember<T> (map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest)
}

/** Kubernetes' Time has no fraction of a second. */
function timestamp (date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z')
}

function syncErrorEvent (parent: KubeObject, namespace: string, message: string, time: string): KubeObject {
  const { apiVersion, kind, metadata: { name, uid, resourceVersion } } = parent
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name.slice(0, 230)}.${randomBytes(8).toString('hex')}`, namespace },
    involvedObject: { apiVersion, kind, name, namespace: parent.metadata.namespace, uid, resourceVersion },
    reason: 'SyncError',
    message,
    type: 'Warning',
    source: { component: 'metacontroller' },
    reportingComponent: 'metacontroller',
    count: 1,
    firstTimestamp: time,
    lastTimestamp: time,
  }
}
