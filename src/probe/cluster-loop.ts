/**
 * The level-triggered loop of one cluster: woken, look, decide, act; one run at a time. What woke it is of no interest. While the
 * view is unsettled it looks again and again, for a promotion is at most one closed connection away; settled, every 1.5 s.
 */
import { createAlarms } from './alarms.ts'
import { type Action, decide, judge, type Verdict } from './decide.ts'
import { createDepartures } from './departures.ts'
import type { ClusterFacts } from './cluster-facts.ts'
import type { ClusterView } from './inventory.ts'
import type { Members } from './members.ts'
import { NOTHING, whatToRemember } from './memory.ts'
import type { ClusterReport } from './metrics.ts'
import type { Memory, Observation, RedisView } from './observation.ts'
import { perform, type PerformDeps } from './perform.ts'
import { startWakeable } from './wakeable.ts'

export interface ClusterLoop {
  readonly wake: () => void
  readonly report: () => ClusterReport | undefined
  readonly stop: () => void
}

export interface ClusterLoopOptions extends PerformDeps {
  readonly view: () => ClusterView
  readonly members: Members
}

/** Nothing wakes the probe when somebody makes a replica a master by hand: within 2 s it is one no more. */
const SETTLED_MS = 1500
const UNSETTLED_MS = 25
/** At most a quarter of the time goes into looking: when hundreds of clusters lose their master at once, the probe is the bottleneck. */
const MAX_LOAD = 4
/** How long it looks at short intervals, besides down-after: a natural failover fits in. */
const PATIENCE_MS = 10_000

export function startClusterLoop (options: ClusterLoopOptions): ClusterLoop {
  const { log, now, members, view } = options
  const withDeparted = createDepartures()
  const pace = createPace(now)
  const alarms = createAlarms(options)
  const underWay = new Set<string>()
  let memory = NOTHING
  /** Time of the last confirmed master; before the first, the loop's start. */
  let confirmedAt = now()
  let last: Observation | undefined

  async function run (): Promise<number> {
    const startedAt = now()
    const seenView = withDeparted(view(), memory.lastMaster?.uid, startedAt)
    members.follow(seenView)
    if (!seenView.facts) return SETTLED_MS
    const seen = await members.look(seenView, memory)
    last = seen
    const verdict = judge(seen)
    memory = whatToRemember(seen, verdict)
    if (verdict.kind === 'confirmed') confirmedAt = now()
    pace.judged(verdict)
    const actions = decide(seen, verdict)
    const done = await act(actions, seenView, seenView.facts)
    if (options.mayAct()) alarms({ seen, verdict, memory, view: seenView, subject: seenView.facts, unsettledMs: pace.unsettledFor() })
    pace.acted(actions.length === 0 && verdict.kind === 'confirmed' && isQuiet(seen), done, startedAt)
    // clients wait for the next step of a handover; the standby has none
    if (done && options.mayAct() && actions.some(({ kind }) => kind === 'pause' || kind === 'elect')) return 0
    return pace.delay(now() - startedAt, seenView.facts)
  }

  async function act (actions: readonly Action[], seenView: ClusterView, subject: ClusterFacts): Promise<boolean> {
    options.metrics.looks.inc()
    const remember = (news: Partial<Memory>) => { memory = { ...memory, ...news } }
    const paused = () => memory.paused && now() < memory.paused.until ? memory.paused : undefined
    if (actions.length === 0 || !options.mayAct()) return true
    const failures = () => memory.election?.failures ?? 0
    const { sentinelReplicas } = subject
    return perform(actions, { view: seenView, subject, ...members, remember, paused, failures, sentinelReplicas, underWay }, options)
  }

  const wakeable = startWakeable({
    run,
    onError: (err) => { log.error({ err }, 'look failed'); return SETTLED_MS },
  })
  return {
    wake: wakeable.wake,
    report: () => reportOf(view(), members, last, now() - confirmedAt),
    stop: () => { wakeable.stop(); members.close() },
  }
}

/** When the next look is due. */
function createPace (now: () => number) {
  let failures = 0
  let kindBefore: Verdict['kind'] | undefined
  let unsettledSince: number | undefined
  const unsettledFor = () => unsettledSince === undefined ? 0 : now() - unsettledSince

  return {
    unsettledFor,
    /** Patience and alarm count anew when a master is found or lost. */
    judged: ({ kind }: Verdict) => {
      if (kind !== kindBefore) unsettledSince = undefined
      kindBefore = kind
    },
    acted: (settled: boolean, done: boolean, startedAt: number) => {
      failures = done ? 0 : failures + 1
      unsettledSince = settled ? undefined : unsettledSince ?? startedAt
    },
    delay: (took: number, { downAfterMilliseconds }: ClusterFacts) => {
      const patient = unsettledSince !== undefined && unsettledFor() < PATIENCE_MS + downAfterMilliseconds
      const pace = patient ? Math.max(UNSETTLED_MS, took * MAX_LOAD) : SETTLED_MS
      return Math.min(pace * 2 ** Math.min(failures, 10), SETTLED_MS)
    },
  }
}

function reportOf ({ facts }: ClusterView, members: Members, seen: Observation | undefined, age: number): ClusterReport | undefined {
  if (!facts) return undefined
  const answers = seen?.sentinels.flatMap(({ answer }) => answer ?? []) ?? []
  const able = answers.filter(({ noQuorum }) => noQuorum === null).length
  return {
    namespace: facts.namespace,
    name: facts.name,
    viewAge: age / 1000,
    masters: seen?.redis.filter(({ process }) => process.kind === 'master').length ?? 0,
    sentinels: { expected: facts.sentinelReplicas, answering: answers.length, able },
    connections: members.connections(),
  }
}

/**
 * A second master is worth a look until it is one no more, even when nothing can be done about it yet; a replica until it was
 * seen in its master's stream, for only then may it succeed it; and a master for as long as its writes are paused.
 */
export function isQuiet ({ redis, paused, startedAt }: Observation): boolean {
  if (paused && startedAt < paused.until) return false
  const isInStream = ({ process, followed }: RedisView) => process.kind !== 'slave' || (process.link === 'connected' && process.master === followed)
  const masters = redis.filter(({ process }) => process.kind === 'master')
  return masters.length === 1 && masters[0]?.presence === 'Present' && redis.every(isInStream)
}
