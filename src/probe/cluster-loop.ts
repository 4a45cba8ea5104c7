/**
 * The level-triggered loop of one cluster: woken, look, decide, act; one run at a time. What woke it is of no interest. While the
 * view is unsettled it looks again and again, for a promotion is at most one closed connection away; settled, every 1.5 s.
 */
import { MASTER_ROLE } from '../metadata/labels.ts'
import { decide, judge, type Verdict } from './decide.ts'
import { deadMaster, succession } from './decide-failover.ts'
import { pausedMaster } from './decide-handover.ts'
import { createDepartures } from './departures.ts'
import type { ClusterFacts, ClusterView } from './inventory.ts'
import type { Members } from './members.ts'
import type { ClusterReport } from './metrics.ts'
import type { LastMaster, Memory, Observation, RedisView } from './observation.ts'
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
/** After this without a master, besides down-after, somebody should know. */
const ALARM_MS = 15_000

export function startClusterLoop (options: ClusterLoopOptions): ClusterLoop {
  const { log, now, members, view } = options
  let failures = 0
  const withDeparted = createDepartures()
  let memory: Memory = { lastMaster: undefined, vacantSince: undefined, asked: undefined, paused: undefined }
  let confirmedAt: number | undefined
  let kindBefore: Verdict['kind'] | undefined
  let unsettledSince: number | undefined

  async function run (): Promise<number> {
    const startedAt = now()
    const seenView = withDeparted(view(), memory.lastMaster?.uid, startedAt)
    members.follow(seenView)
    if (!seenView.facts) return SETTLED_MS
    const seen = await members.look(seenView, memory)
    const verdict = judge(seen)
    memory = whatToRemember(seen, verdict)
    if (verdict.kind === 'confirmed') confirmedAt = now()
    // Patience and alarm count from here anew.
    if (verdict.kind !== kindBefore) unsettledSince = undefined
    kindBefore = verdict.kind
    const settled = await act(seen, verdict, seenView, seenView.facts)
    unsettledSince = settled ? undefined : unsettledSince ?? startedAt
    return delayAfter(now() - startedAt, seenView.facts)
  }

  async function act (seen: Observation, verdict: Verdict, seenView: ClusterView, subject: ClusterFacts): Promise<boolean> {
    options.metrics.looks.inc()
    const actions = decide(seen, verdict)
    const remember = (news: Partial<Memory>) => { memory = { ...memory, ...news } }
    const paused = () => memory.paused && now() < memory.paused.until ? memory.paused : undefined
    const target = { view: seenView, subject, ...members, remember, paused }
    const done = actions.length === 0 || !options.mayAct() || await perform(actions, target, options)
    failures = done ? 0 : failures + 1
    alarm(seen, verdict, subject)
    return actions.length === 0 && verdict.kind === 'confirmed' && isQuiet(seen)
  }

  function alarm (seen: Observation, verdict: Verdict, subject: ClusterFacts): void {
    if (verdict.kind === 'confirmed' || !memory.lastMaster || unsettledSince === undefined || !options.mayAct()) return
    if (now() - unsettledSince <= ALARM_MS + subject.downAfterMilliseconds) return
    options.publishEvent(subject, 'NoMaster', `no master can be confirmed (${reasonsOf(seen, verdict)}); the label stays where it is`)
  }

  function delayAfter (took: number, { downAfterMilliseconds }: ClusterFacts): number {
    const patient = unsettledSince !== undefined && now() - unsettledSince < PATIENCE_MS + downAfterMilliseconds
    const pace = patient ? Math.max(UNSETTLED_MS, took * MAX_LOAD) : SETTLED_MS
    return Math.min(pace * 2 ** Math.min(failures, 10), SETTLED_MS)
  }

  const wakeable = startWakeable({
    run,
    onError: (err) => { log.error({ err }, 'look failed'); return SETTLED_MS },
  })
  return {
    wake: wakeable.wake,
    report: () => reportOf(view(), members, confirmedAt === undefined ? undefined : now() - confirmedAt),
    stop: () => { wakeable.stop(); members.close() },
  }
}

function reportOf ({ facts }: ClusterView, members: Members, age: number | undefined): ClusterReport | undefined {
  if (!facts) return undefined
  const viewAge = age === undefined ? undefined : age / 1000
  return { namespace: facts.namespace, name: facts.name, viewAge, connections: members.connections() }
}

function reasonsOf (seen: Observation, { reason }: Extract<Verdict, { kind: 'waiting' }>): string {
  if (reason !== 'NoMaster') return reason
  const next = succession(seen)
  return `${reason}, ${next.kind === 'waiting' && next.obstacle !== 'FailoverUnderWay' ? next.obstacle : seen.asked?.answer ?? 'FailoverUnderWay'}`
}

function whatToRemember (seen: Observation, verdict: Verdict): Memory {
  const isSucceeded = verdict.kind === 'confirmed' && verdict.by === 'Majority' && verdict.address !== seen.asked?.address
  return {
    lastMaster: masterToRemember(seen, verdict) ?? seen.lastMaster,
    vacantSince: deadMaster(seen) && (seen.vacantSince ?? seen.startedAt),
    asked: isSucceeded ? undefined : seen.asked,
    paused: pausedMaster(seen) && seen.paused,
  }
}

/** The master that the next promotion must succeed: the confirmed one; before there is one, the one that carries the label. */
function masterToRemember (seen: Observation, verdict: Verdict): LastMaster | undefined {
  if (verdict.kind === 'confirmed') return { uid: verdict.master.uid, address: verdict.address }
  const [labelled, second] = seen.redis.filter((pod) => pod.label === MASTER_ROLE)
  if (seen.lastMaster || !labelled || second || labelled.address === undefined) return undefined
  return { uid: labelled.uid, address: labelled.address }
}

/**
 * A second master is worth a look until it is one no more, even when nothing can be done about it yet; and a replica until it was
 * seen in its master's stream, for only then may it succeed it.
 */
function isQuiet ({ redis }: Observation): boolean {
  const isInStream = ({ process, followed }: RedisView) => process.kind !== 'slave' || (process.link === 'connected' && process.master === followed)
  const masters = redis.filter(({ process }) => process.kind === 'master')
  return masters.length === 1 && masters[0]?.presence === 'Present' && redis.every(isInStream)
}
