/** The probe's metrics; every name is documented by its help text. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

export interface ClusterReport {
  readonly namespace: string
  readonly name: string
  /** Seconds since the last look that confirmed a master; undefined: never. */
  readonly viewAge: number | undefined
  readonly connections: { readonly redis: readonly boolean[], readonly sentinel: readonly boolean[] }
}

export interface MetricsOptions {
  readonly reports: () => readonly ClusterReport[]
  readonly isActive: () => boolean
}

export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics ({ reports, isActive }: MetricsOptions) {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  gauges(registers, reports, isActive)
  return {
    registry,
    labelLag: new Histogram({
      name: 'sentinel_probe_label_lag_seconds',
      help: 'From the moment a redis was first seen as master until its label was written.',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    masterChanges: new Counter({
      name: 'sentinel_probe_master_changes_total',
      help: 'Master labels given to a pod, by how the master was confirmed (MajorityNamesIt, PromotionSeen).',
      labelNames: ['reason'] as const,
      registers,
    }),
    patches: new Counter({
      name: 'sentinel_probe_patches_total',
      help: 'Pod label patches, by result (ok, stale, gone, error).',
      labelNames: ['result'] as const,
      registers,
    }),
    commands: new Counter({
      name: 'sentinel_probe_commands_total',
      help: 'Commands that changed a redis, by command (demote, follow, qualify, unblock, pause, yield, resume) and result (ok, error).',
      labelNames: ['command', 'result'] as const,
      registers,
    }),
    failovers: new Counter({
      name: 'sentinel_probe_failovers_total',
      help: 'Failovers asked for, by cause (ProvenDead, LastResort, PodLeaves, NotPublished) and answer (Accepted, InProgress, NoGoodReplica, Lost).',
      labelNames: ['cause', 'answer'] as const,
      registers,
    }),
    looks: new Counter({
      name: 'sentinel_probe_looks_total',
      help: 'Looks at a cluster: ROLE on every redis and the master by every sentinel.',
      registers,
    }),
  }
}

function gauges (registers: Registry[], reports: () => readonly ClusterReport[], isActive: () => boolean): void {
  const active: Gauge = new Gauge({
    name: 'sentinel_probe_active',
    help: '1 on the probe that holds the Lease.',
    registers,
    collect: () => { active.set(isActive() ? 1 : 0) },
  })
  const viewAge = new Gauge({
    name: 'sentinel_probe_view_age_seconds',
    help: 'Age of the last look that confirmed a master, per RedisSentinel; absent before the first.',
    labelNames: ['namespace', 'name'] as const,
    registers,
    collect: () => {
      viewAge.reset()
      for (const { namespace, name, viewAge: age } of reports()) if (age !== undefined) viewAge.set({ namespace, name }, age)
    },
  })
  const connections = new Gauge({
    name: 'sentinel_probe_connections',
    help: 'Connections to pods, by component (redis, sentinel) and state (open, closed).',
    labelNames: ['component', 'state'] as const,
    registers,
    collect: () => {
      for (const component of ['redis', 'sentinel'] as const) {
        const open = reports().flatMap((report) => report.connections[component])
        connections.set({ component, state: 'open' }, open.filter(Boolean).length)
        connections.set({ component, state: 'closed' }, open.filter((isOpen) => !isOpen).length)
      }
    },
  })
}
