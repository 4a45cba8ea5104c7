/** The probe put together: inventory -> one loop per cluster -> patches, as long as the Lease is ours. */
import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import type { ApiClient } from './api-client.ts'
import { startBindings } from './bindings.ts'
import { type ClusterLoop, startClusterLoop } from './cluster-loop.ts'
import { createEventPublisher } from './events.ts'
import { startInventory } from './inventory.ts'
import { keepLease } from './lease.ts'
import { createMembers } from './members.ts'
import { createMetrics } from './metrics.ts'
import { followParents } from './parents.ts'
import { createSecret } from './secret.ts'
import { startVolumeGrowth } from './volume-growth.ts'

export interface ProbeOptions {
  readonly api: ApiClient
  /** A client of its own: a renewal must never queue behind a thousand patches. */
  readonly leaseApi: ApiClient
  readonly log: Logger
  /** Empty: all. */
  readonly watchNamespace: string
  /** May it start failovers and handovers, not only follow them? */
  readonly fastPath: boolean
  readonly lease: { readonly namespace: string, readonly name: string, readonly identity: string }
}

export interface Probe {
  readonly isReady: () => boolean
  readonly metrics: ReturnType<typeof createMetrics>
  /** Gives the Lease away first, so that the other probe takes over while this one still closes its connections. */
  readonly stop: () => Promise<void>
}

/** Votes are for this process: another probe never takes them for its own. */
const newId = () => randomBytes(20).toString('hex')

export function startProbe ({ api, leaseApi, log, watchNamespace, fastPath, lease: leaseOptions }: ProbeOptions): Probe {
  const now = () => performance.now()
  const ownId = newId()
  const date = () => new Date()
  const loops = new Map<string, ClusterLoop>()
  const wakeAll = () => { for (const loop of [...loops.values(), growth, bindings]) loop.wake() }

  const lease = keepLease({ ...leaseOptions, api: leaseApi, log, now, date, onChange: wakeAll })
  const metrics = createMetrics({
    reports: () => [...loops.values()].flatMap((loop) => loop.report() ?? []),
    isActive: lease.holds,
  })
  const inventory = startInventory({ api, log, namespace: watchNamespace, onChange })
  const shared = {
    api,
    log,
    metrics,
    now,
    date,
    publishEvent: createEventPublisher(api, log, leaseOptions.identity),
    putPod: inventory.putPod,
    putSlice: inventory.putSlice,
    // A list that is not complete could hide the very pod that still carries the label.
    mayAct: () => lease.holds() && inventory.isSynced(),
  }

  const parents = followParents({ ...shared, namespace: watchNamespace, onChange: () => { growth.wake(); bindings.wake() } })
  const growth = startVolumeGrowth({ ...shared, namespace: watchNamespace, parents, mayAct: lease.holds })
  const bindings = startBindings({ ...shared, parents, mayAct: lease.holds })

  function onChange (key: string): void {
    const exists = inventory.view(key).facts !== undefined
    const loop = loops.get(key)
    if (!exists) {
      loop?.stop()
      loops.delete(key)
    } else if (loop) {
      loop.wake()
    } else {
      loops.set(key, startLoop(key))
    }
  }

  function startLoop (key: string): ClusterLoop {
    const onChange = () => loop.wake()
    const members = createMembers({ now, secret: createSecret({ ...shared, onChange }), ownId, mayElect: fastPath, onChange })
    const loop: ClusterLoop = startClusterLoop({ ...shared, view: () => inventory.view(key), members })
    loop.wake()
    return loop
  }

  async function stop (): Promise<void> {
    await lease.release().catch((err: unknown) => log.warn({ err }, 'lease not released'))
    inventory.stop()
    for (const one of [parents, growth, bindings]) one.stop()
    for (const loop of loops.values()) loop.stop()
  }

  return { isReady: inventory.isSynced, metrics, stop }
}
