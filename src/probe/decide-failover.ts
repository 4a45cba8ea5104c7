/**
 * The succession of a dead master: one sentinel is told SENTINEL FAILOVER, or there is an obstacle. Pure.
 *
 *   ProvenDead   at once, while a majority of the sentinels still names the dead one (design 5.4)
 *   LastResort   the sentinels did not act for down-after + 2 x failover-timeout: the one that answers will do (design 5.6)
 *
 * A forced failover asks no other sentinel, and chooses by figures up to ten seconds old. So it is asked for only when every replica
 * that lives has been in the dead master's stream since its own start and has lost it (which also bears out the death). Where one
 * has more of it than another, the sentinel must first know as much. Whatever is less clear is left to the sentinels, or to a person.
 */
import { answersOf, namedByMajority, type Observation, type RedisView, type SentinelView, USUAL_PRIORITY, voters } from './observation.ts'

export interface Failover {
  readonly kind: 'failover'
  /** The dead master. */
  readonly pod: RedisView
  readonly master: string
  readonly sentinel: SentinelView
  readonly reason: 'ProvenDead' | 'LastResort'
  /** The living replicas, by address. Where one has more of the dead master's stream, the sentinel must know it first. */
  readonly replicas: ReadonlyMap<string, LivingReplica>
}

/** The offset is final, for the master is dead. */
export interface LivingReplica { readonly offset: number, readonly priority: number, readonly runId: string | undefined }

/** Why no failover is forced; what a person can do about it is in docs/failover.md. */
type Obstacle =
  | 'MasterNotProvenDead'
  | 'NoReplica'
  | 'ReplicaSilent'
  | 'ReplicaOutOfStream'
  | 'ReplicaMissing'
  | 'NoSentinelAnswers'
  | 'SentinelSilent'
  | 'SentinelsDisagree'
  | 'NoMajority'
  | 'LeftToSentinels'
  | 'FailoverUnderWay'

export type Succession = Failover | { readonly kind: 'waiting', readonly obstacle: Obstacle }

/** A failover that was accepted, or may have been, is given this long: a second one elsewhere would promote a second master. */
const ACCEPTED_MS = 10_000
/** The sentinel has no INFO of the replicas yet. */
const NO_GOOD_REPLICA_MS = 200
/** A replica that never synchronised, or restarted since, has the offset 0 or 1. */
const EMPTY_OFFSET = 1

export function succession (seen: Observation): Succession {
  const pod = deadMaster(seen)
  const master = pod?.address
  if (!pod || master === undefined) return waiting('MasterNotProvenDead')
  const obstacle = replicaObstacle(seen, pod) ?? sentinelObstacle(seen, master)
  if (obstacle) return waiting(obstacle)
  const sentinel = chosenSentinel(seen)
  if (!sentinel) return waiting('SentinelSilent')
  const failover = (reason: Failover['reason']): Failover => ({ kind: 'failover', pod, master, sentinel, reason, replicas: choiceFrom(seen) })
  if (isLate(seen)) return isComplete(seen) ? failover('LastResort') : waiting('ReplicaMissing')
  if (namedByMajority(seen) !== master) return waiting('NoMajority')
  if (answersOf(seen).some(({ objectivelyDown }) => objectivelyDown)) return waiting('LeftToSentinels')
  return failover('ProvenDead')
}

function waiting (obstacle: Obstacle): Succession {
  return { kind: 'waiting', obstacle }
}

/**
 * The pod at the last master's address, when it is proven dead and nobody else says that it is master. There are two when one was
 * deleted by force and its successor has the name: both must be dead.
 */
export function deadMaster ({ redis, lastMaster }: Observation): RedisView | undefined {
  if (!lastMaster || redis.some(({ process }) => process.kind === 'master')) return undefined
  const there = redis.filter(({ address }) => address === lastMaster.address)
  return there.every(({ process }) => process.kind === 'dead') ? there[0] : undefined
}

function replicaObstacle (seen: Observation, dead: RedisView): Obstacle | undefined {
  const replicas = livingReplicas(seen)
  if (replicas.length === 0) return 'NoReplica'
  if (replicas.some(({ process }) => process.kind === 'unknown' || process.kind === 'busy')) return 'ReplicaSilent'
  return replicas.every((pod) => wasInStream(pod, dead.address)) ? undefined : 'ReplicaOutOfStream'
}

function choiceFrom (seen: Observation): ReadonlyMap<string, LivingReplica> {
  return new Map(livingReplicas(seen).flatMap(({ address = '', process, priority = USUAL_PRIORITY, runId }) =>
    process.kind === 'slave' ? [[address, { offset: process.offset, priority, runId }]] : []))
}

function livingReplicas ({ redis }: Observation): RedisView[] {
  return redis.filter(canChoose)
}

/** A dead one is out of the question for the sentinels, too. */
export function canChoose ({ process }: RedisView): boolean {
  return process.kind !== 'dead'
}

function wasInStream ({ process, followed }: RedisView, master: string | undefined): boolean {
  return process.kind === 'slave' && process.master === master && followed === master &&
    process.link !== 'connected' && process.offset > EMPTY_OFFSET
}

function sentinelObstacle (seen: Observation, master: string): Obstacle | undefined {
  const answers = answersOf(seen)
  if (answers.length === 0) return 'NoSentinelAnswers'
  if (answers.some(({ failingOver }) => failingOver) || isAsked(seen, master)) return 'FailoverUnderWay'
  // A single one that is ahead has a reason.
  return answers.every(({ named, monitored }) => named === master && monitored === master) ? undefined : 'SentinelsDisagree'
}

export function isAsked ({ asked, startedAt, failoverTimeout }: Observation, master: string): boolean {
  if (asked?.address !== master) return false
  const pause = asked.answer === 'NoGoodReplica' ? NO_GOOD_REPLICA_MS : Math.max(ACCEPTED_MS, failoverTimeout)
  return startedAt - asked.at < pause
}

/**
 * The lowest ordinal that answers, as in redis-start.sh and redis-prestop.sh: two that are forced 0.3 s apart promote two masters.
 * So one that is only slow is waited for, and one that was asked before is asked again, until its connection is gone.
 */
export function chosenSentinel (seen: Observation): SentinelView | undefined {
  const reachable = voters(seen).filter(({ answer, isConnected }) => answer !== undefined || isConnected)
  const lowest = reachable.toSorted((a, b) => a.ordinal - b.ordinal)[0]
  const chosen = reachable.find(({ uid }) => uid === seen.asked?.sentinel) ?? lowest
  return chosen?.answer && chosen
}

/** For the last resort: no redis is out of sight that might have more data than those that are seen. */
function isComplete (seen: Observation): boolean {
  return livingReplicas(seen).length === seen.redisReplicas - 1
}

function isLate ({ startedAt, vacantSince = startedAt, downAfterMilliseconds, failoverTimeout }: Observation): boolean {
  return startedAt - vacantSince > downAfterMilliseconds + 2 * failoverTimeout
}
