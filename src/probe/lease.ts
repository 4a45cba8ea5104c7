/** One active probe: a coordination.k8s.io Lease. The other one keeps its view warm and takes over when the Lease runs out. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type ApiClient, hasStatus } from './api-client.ts'

export interface LeaseOptions {
  readonly api: ApiClient
  readonly log: Logger
  readonly namespace: string
  readonly name: string
  readonly identity: string
  readonly now: () => number
  readonly date: () => Date
  /** Called when holding begins or ends. */
  readonly onChange: (holds: boolean) => void
}

export interface LeaseKeeper {
  /** May we act right now? Turns false by the clocks alone when renewing fails. */
  readonly holds: () => boolean
  /** Gives the Lease away, if it is ours. */
  readonly release: () => Promise<void>
}

/**
 * 4 s without a renewal hand the Lease over: a dead probe costs one failover a few seconds, not the usual 15. The holder stops a
 * second before that, by its own clocks, counted from when it *sent* the renewal. One small write per second is the price.
 */
const DURATION_MS = 4000
const VALIDITY_MS = DURATION_MS - 1000
const RENEW_MS = 1000
/** The standby looks more often than that: a released Lease is free at once. */
const STANDBY_MS = 500
/** After a renewal that failed: it may have been sent into a dead connection, and there is time for one more. */
const AGAIN_MS = 200
const REQUEST_DEADLINE_MS = 1000

/** The same moment on a clock that is never set, but may stand still while the machine is frozen, and on one that is set. */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}

/**
 * Does a renewal that was sent then still hold? Not when either clock says that its time is over: a guest that
 * was frozen may find its monotonic time unchanged, and another probe active. A wall clock that is set forward
 * costs a second at most: until the next renewal.
 */
export function isValid (sent: Moment | undefined, now: Moment): boolean {
  if (!sent) return false
  return Math.max(now.monotonic - sent.monotonic, now.wall - sent.wall) < VALIDITY_MS
}

interface Lease {
  readonly apiVersion: 'coordination.k8s.io/v1'
  readonly kind: 'Lease'
  readonly metadata: { readonly name: string, readonly namespace: string, readonly resourceVersion?: string }
  readonly spec?: {
    readonly holderIdentity?: string
    readonly leaseDurationSeconds?: number
    readonly acquireTime?: string
    readonly renewTime?: string
    readonly leaseTransitions?: number
  }
}

export function keepLease (options: LeaseOptions): LeaseKeeper {
  const { log, identity, now, date, onChange } = options
  const { read, write } = leaseObject(options)
  const isFree = freeness(identity)
  const abort = new AbortController()
  let renewed: Moment | undefined
  let held = false
  const moment = () => ({ monotonic: now(), wall: date().getTime() })
  const holds = () => isValid(renewed, moment())

  async function attempt (): Promise<void> {
    const sent = moment()
    const lease = await read()
    if (!isFree(lease, sent.monotonic)) return
    await write(claimed(lease, options))
    renewed = sent
  }

  function report (): void {
    if (held === holds()) return
    held = !held
    log.info({ identity }, held ? 'lease acquired' : 'lease lost')
    onChange(held)
  }

  /** Resolves to the ms until the next attempt. */
  async function renew (): Promise<number> {
    try {
      await attempt()
      return holds() ? RENEW_MS : STANDBY_MS
    } catch (err) {
      // 409: the other one was faster.
      if (!hasStatus(err, 409)) log.warn({ err }, 'lease request failed')
      return holds() ? AGAIN_MS : STANDBY_MS
    }
  }

  async function run (): Promise<void> {
    while (!abort.signal.aborted) {
      const delay = await renew()
      report()
      await sleep(delay, undefined, { signal: abort.signal }).catch(() => {})
    }
  }

  async function release (): Promise<void> {
    abort.abort()
    await running
    if (!holds()) return
    renewed = undefined
    const lease = await read()
    if (lease?.spec?.holderIdentity === identity) await write(released(lease))
  }

  const running = run()
  return { holds, release }
}

function leaseObject ({ api, namespace, name }: LeaseOptions) {
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`
  const deadline = { deadlineMs: REQUEST_DEADLINE_MS }

  async function read (): Promise<Lease | undefined> {
    try {
      return await api.request<Lease>('GET', `${collection}/${name}`, deadline)
    } catch (error) {
      if (hasStatus(error, 404)) return undefined
      throw error
    }
  }

  /** With the resourceVersion that was read, so that only one of two claims succeeds. */
  async function write (lease: Lease): Promise<void> {
    if (lease.metadata.resourceVersion === undefined) await api.request('POST', collection, { ...deadline, body: lease })
    else await api.request('PUT', `${collection}/${name}`, { ...deadline, body: lease })
  }

  return { read, write }
}

/** Ours, nobody's, or not renewed for its whole duration as seen by our own clock: other machines' clocks prove nothing. */
function freeness (identity: string): (lease: Lease | undefined, now: number) => boolean {
  let foreign = { renewal: '', seenAt: 0 }
  return (lease, now) => {
    const { holderIdentity, renewTime } = lease?.spec ?? {}
    if (!holderIdentity || holderIdentity === identity) return true
    const renewal = `${holderIdentity} ${renewTime}`
    if (renewal !== foreign.renewal) foreign = { renewal, seenAt: now }
    return now - foreign.seenAt > DURATION_MS
  }
}

function claimed (lease: Lease | undefined, { namespace, name, identity, date }: LeaseOptions): Lease {
  const time = microTime(date())
  const before = lease?.spec
  const mine = before?.holderIdentity === identity
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: lease?.metadata ?? { name, namespace },
    spec: {
      holderIdentity: identity,
      leaseDurationSeconds: DURATION_MS / 1000,
      acquireTime: (mine && before.acquireTime) || time,
      renewTime: time,
      leaseTransitions: (before?.leaseTransitions ?? 0) + (mine ? 0 : 1),
    },
  }
}

function released (lease: Lease): Lease {
  const { holderIdentity: _gone, ...spec } = lease.spec ?? {}
  return { ...lease, spec }
}

/** Kubernetes' MicroTime has six digits. */
function microTime (date: Date): string {
  return date.toISOString().replace('Z', '000Z')
}
