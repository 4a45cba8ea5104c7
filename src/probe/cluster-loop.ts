/**
 * The level-triggered loop of one cluster: woken, look, decide, act; one run at a time. What woke it is of no interest. While the
 * view is unsettled it looks again and again, for a promotion is at most one closed connection away; settled, every 2 s.
 */
import { MASTER_ROLE } from '../metadata/labels.ts'
import { decide, judge, type Verdict } from './decide.ts'
import type { ClusterFacts, ClusterView } from './inventory.ts'
import type { Members } from './members.ts'
import type { ClusterReport } from './metrics.ts'
import type { LastMaster, Observation } from './observation.ts'
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

const SETTLED_MS = 2000
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
  let lastMaster: LastMaster | undefined
  let confirmedAt: number | undefined
  let unsettledSince: number | undefined

  async function run (): Promise<number> {
    const startedAt = now()
    const seenView = view()
    members.follow(seenView)
    if (!seenView.facts) return SETTLED_MS
    const seen = await members.look(seenView, lastMaster)
    const verdict = judge(seen)
    lastMaster = masterToRemember(seen, verdict) ?? lastMaster
    if (verdict.kind === 'confirmed') confirmedAt = now()
    const settled = await act(seen, verdict, seenView, seenView.facts)
    unsettledSince = settled ? undefined : unsettledSince ?? startedAt
    return delayAfter(now() - startedAt, seenView.facts)
  }

  async function act (seen: Observation, verdict: Verdict, seenView: ClusterView, subject: ClusterFacts): Promise<boolean> {
    options.metrics.looks.inc()
    const actions = decide(seen, verdict)
    const done = actions.length === 0 || !options.mayAct() ||
      await perform(actions, { view: seenView, subject, redisLink: members.redisLink }, options)
    failures = done ? 0 : failures + 1
    alarm(verdict, subject)
    return actions.length === 0 && verdict.kind === 'confirmed' && isQuiet(seen)
  }

  function alarm (verdict: Verdict, subject: ClusterFacts): void {
    if (verdict.kind === 'confirmed' || !lastMaster || unsettledSince === undefined || !options.mayAct()) return
    if (now() - unsettledSince > ALARM_MS + subject.downAfterMilliseconds) {
      options.publishEvent(subject, 'NoMaster', `no master can be confirmed (${verdict.reason}); the label stays where it is`)
    }
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

/** The master that the next promotion must succeed: the confirmed one; before there is one, the one that carries the label. */
function masterToRemember (seen: Observation, verdict: Verdict): LastMaster | undefined {
  if (verdict.kind === 'confirmed') return { uid: verdict.master.uid, address: verdict.address }
  const [labelled, second] = seen.redis.filter((pod) => pod.label === MASTER_ROLE)
  if (seen.lastMaster || !labelled || second || labelled.address === undefined) return undefined
  return { uid: labelled.uid, address: labelled.address }
}

/** A second master is worth a look until it is one no more, even when nothing can be done about it yet. */
function isQuiet (seen: Observation): boolean {
  return seen.redis.filter(({ process }) => process.kind === 'master').length === 1
}
