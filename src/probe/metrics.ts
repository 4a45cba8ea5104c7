/** The probe's metrics; every name is documented by its help text. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

export interface ClusterReport {
  readonly namespace: string
  readonly name: string
  /** Seconds since the last look that confirmed a master, or since the first look if none has. */
  readonly viewAge: number
  /** Redis pods that said at the last look that they are master. */
  readonly masters: number
  readonly sentinels: { readonly expected: number, readonly answering: number, readonly able: number }
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
      labelNames: ['namespace', 'name', 'reason'] as const,
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
      help: 'Commands that changed a redis, by command (demote, follow, unblock, pause, resume) and result (ok, error).',
      labelNames: ['command', 'result'] as const,
      registers,
    }),
    failovers: new Counter({
      name: 'sentinel_probe_failovers_total',
      help: 'Elections held, by cause (ProvenDead, FoundDown, LastResort, PodLeaves, NotPublished, Switchover) and answer (Accepted, NotElected, NotPromoted, NotDemoted, NotPublished, Overtaken).',
      labelNames: ['namespace', 'name', 'cause', 'answer'] as const,
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
  const perCluster = (name: string, help: string, valueOf: (report: ClusterReport) => number) => {
    const gauge: Gauge<'namespace' | 'name'> = new Gauge({
      name,
      help,
      labelNames: ['namespace', 'name'] as const,
      registers,
      collect: () => {
        gauge.reset()
        for (const report of reports()) gauge.set({ namespace: report.namespace, name: report.name }, valueOf(report))
      },
    })
  }
  perCluster('sentinel_probe_view_age_seconds', 'Age of the last look that confirmed a master, per RedisSentinel; since the first look if none has.',
    ({ viewAge }) => viewAge)
  perCluster('sentinel_probe_masters', 'Redis pods that said at the last look that they are master, per RedisSentinel.', ({ masters }) => masters)
  const sentinels = new Gauge({
    name: 'sentinel_probe_sentinels',
    help: 'Sentinels per RedisSentinel, by state: expected by its spec, answering at the last look, and able to reach a quorum by their own word.',
    labelNames: ['namespace', 'name', 'state'] as const,
    registers,
    collect: () => {
      sentinels.reset()
      for (const { namespace, name, sentinels: { expected, answering, able } } of reports()) {
        sentinels.set({ namespace, name, state: 'expected' }, expected)
        sentinels.set({ namespace, name, state: 'answering' }, answering)
        sentinels.set({ namespace, name, state: 'able' }, able)
      }
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
