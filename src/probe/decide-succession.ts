/**
 * Who succeeds a master: the one rule, for every way to another master (docs/adr/0003). Pure.
 *
 *   successor    the replica that has everything, by offsets that this probe saw: it was in the master's stream since its own start
 *   succession   of a master that takes no more writes, by an election, or the obstacle to one
 *     ProvenDead   nothing listens on its pod's own IP, or the kubelet says that the container ended
 *     FoundDown    it is silent, and a majority of the sentinels finds it down: its fence has closed it by then
 *     LastResort   it is proven dead, and no majority of the sentinels has been there for down-after + 2 x failover-timeout
 *   publication  of a promotion that the sentinels do not name yet: an election without a promotion
 *
 * What is less clear is left to the sentinels, or to a person.
 */
import {
  answersOf, isFoundDown, isMajority, namedByMajority, type HandoverReason, type Observation, type RedisView, type SentinelView, voters,
} from './observation.ts'

export interface Election {
  readonly kind: 'elect'
  /** The successor. */
  readonly pod: RedisView
  readonly predecessor: string
  /** The living predecessor, with its writes paused: it follows the successor before any sentinel hears of it. */
  readonly former: RedisView | undefined
  readonly epoch: number
  /** The sentinels that answer. */
  readonly voters: readonly SentinelView[]
  /** All of them: a hello needs the name of another one than its receiver. */
  readonly electorate: readonly SentinelView[]
  readonly votesNeeded: number
  /** The sentinels act by themselves after this: votes that are older decide nothing any more. */
  readonly downAfterMilliseconds: number
  readonly reason: 'ProvenDead' | 'FoundDown' | 'LastResort' | 'NotPublished' | HandoverReason
}

/** Why no election is held; what a person can do about it is in docs/failover.md. */
export type Obstacle =
  | 'MasterNotProvenDead'
  | 'NoReplica'
  | 'ReplicaSilent'
  | 'ReplicaOutOfStream'
  | 'ReplicaMissing'
  | 'NoSentinelAnswers'
  | 'SentinelsDisagree'
  | 'NoMajority'
  | 'FailoverUnderWay'
  | 'LeftToSentinels'

export type Succession = Election | { readonly kind: 'waiting', readonly obstacle: Obstacle }

/** A replica that never synchronised, or restarted since, has the offset 0 or 1. */
const EMPTY_OFFSET = 1
/** Between elections that failed. A vote for the probe keeps a sentinel from acting by itself, so they are few: see `isTooSoon`. */
const RETRY_MS = [0, 50, 200]
/** A sentinel may be ahead of every epoch that was seen of it: each election that failed goes further beyond. */
const EPOCH_STEPS = [1, 16, 256, 4096]

export function succession (seen: Observation): Succession {
  const predecessor = seen.lastMaster?.address
  if (predecessor === undefined) return waiting('MasterNotProvenDead')
  const isDead = deadMaster(seen) !== undefined
  const isDown = isSilent(seen, predecessor) && isFoundDown(seen, predecessor)
  if (!isDead && !isDown) return waiting('MasterNotProvenDead')
  const obstacle = replicaObstacle(seen, predecessor) ?? electionObstacle(seen, predecessor)
  const pod = successor(seen, predecessor)
  if (obstacle || !pod) return waiting(obstacle ?? 'ReplicaOutOfStream')
  return isMajority(answersOf(seen).length, seen)
    ? election(seen, { pod, predecessor, reason: isDead ? 'ProvenDead' : 'FoundDown' })
    : lastResort(seen, pod, predecessor, isDead)
}

function lastResort (seen: Observation, pod: RedisView, predecessor: string, isDead: boolean): Succession {
  if (!isDead || !isLate(seen)) return waiting('NoMajority')
  return isComplete(seen) ? election(seen, { pod, predecessor, reason: 'LastResort' }) : waiting('ReplicaMissing')
}

/**
 * Undefined while it cannot be held: the label then tells of the promotion, and the sentinels publish it by themselves. Only of one that
 * followed the master that they name: a master whose Service got another address is no new one. And of none that has less than another.
 */
export function publication (seen: Observation, pod: RedisView): Election | undefined {
  const predecessor = namedByMajority(seen)
  if (!seen.mayElect || predecessor === undefined || pod.followed !== predecessor || isTooSoon(seen)) return undefined
  if (answersOf(seen).some(({ named }) => named !== predecessor && named !== pod.address)) return undefined
  const offset = pod.process.kind === 'master' ? pod.process.offset : -Infinity
  if (seen.redis.some((other) => offsetOf(other) > offset)) return undefined
  return election(seen, { pod, predecessor, reason: 'NotPublished' })
}

interface Wanted {
  readonly least?: number
  readonly isCandidate?: (pod: RedisView) => boolean
}

/**
 * The replica that has everything. `least` is what a living master has written. Of a dead one nobody knows that, so it is the most
 * that any replica has. Among equals: one that stays before one that leaves, one of the newer revision, then the lowest ordinal.
 */
export function successor (seen: Observation, predecessor: string, wanted: Wanted = {}): RedisView | undefined {
  const { least, isCandidate = () => true } = wanted
  const candidates = seen.redis.filter((pod) => wasInStream(pod, predecessor) && isCandidate(pod))
  const floor = least ?? Math.max(...candidates.map(offsetOf))
  return candidates.filter((pod) => offsetOf(pod) >= floor).toSorted((a, b) => rank(seen, a) - rank(seen, b))[0]
}

function rank ({ redis, redisReplicas, lastMaster }: Observation, pod: RedisView): number {
  const former = redis.find(({ uid }) => uid === lastMaster?.uid)
  const ordinal = Number(pod.pod.slice(pod.pod.lastIndexOf('-') + 1))
  const isNewer = former?.revision !== undefined && pod.revision !== former.revision
  return (pod.presence === 'Present' ? 0 : 1000) + (ordinal < redisReplicas ? 0 : 500) + (isNewer ? 0 : 200) + Math.min(ordinal, 100)
}

/** It was in that master's stream since its own start, so its offset tells how much it has of it. */
function wasInStream ({ process, followed, address }: RedisView, master: string): boolean {
  return process.kind === 'slave' && process.master === master && followed === master && address !== undefined &&
    process.offset > EMPTY_OFFSET
}

function offsetOf ({ process }: RedisView): number {
  return process.kind === 'slave' ? process.offset : -Infinity
}

type Chosen = Pick<Election, 'pod' | 'predecessor' | 'reason'> & { readonly former?: RedisView }

export function election (seen: Observation, { former, ...chosen }: Chosen): Election {
  const electorate = voters(seen)
  const answering = electorate.filter(({ answer }) => answer !== undefined)
  const majority = Math.floor(seen.sentinelReplicas / 2) + 1
  const votesNeeded = chosen.reason === 'LastResort' ? answering.length : majority
  return { kind: 'elect', ...chosen, former, epoch: nextEpoch(seen), voters: answering, electorate, votesNeeded, downAfterMilliseconds: seen.downAfterMilliseconds }
}

function nextEpoch (seen: Observation): number {
  const known = answersOf(seen).flatMap(({ configEpoch, vote }) => [configEpoch, vote?.epoch ?? 0])
  const step = EPOCH_STEPS[Math.min(seen.election?.failures ?? 0, EPOCH_STEPS.length - 1)] ?? 1
  return Math.max(0, ...known, seen.election?.epoch ?? 0) + step
}

/**
 * A voter starts nothing by itself for 2 x failover-timeout. So after three elections that failed the sentinels get the time to do it
 * themselves, and to be done.
 */
function isTooSoon ({ election, startedAt, failoverTimeout, downAfterMilliseconds }: Observation): boolean {
  if (!election || election.outcome === 'Accepted') return false
  const turn = election.failures % (RETRY_MS.length + 1)
  const pause = turn === 0 ? 3 * failoverTimeout + downAfterMilliseconds : RETRY_MS[turn - 1] ?? 0
  return startedAt - election.at < pause
}

/** What speaks against an election, whoever is elected. */
export function electionObstacle (seen: Observation, predecessor: string): Obstacle | undefined {
  const answers = answersOf(seen)
  if (answers.length === 0) return 'NoSentinelAnswers'
  if (answers.some(({ failingOver }) => failingOver) || isRivalAtWork(seen)) return 'FailoverUnderWay'
  // a single one that is ahead has a reason
  if (answers.some(({ named, monitored }) => named !== predecessor || monitored !== predecessor)) return 'SentinelsDisagree'
  return isTooSoon(seen) ? 'LeftToSentinels' : undefined
}

/** Somebody out of sight was elected, and may be about to promote. It has failover-timeout for that. */
function isRivalAtWork ({ rival, startedAt, failoverTimeout }: Observation): boolean {
  return rival !== undefined && startedAt - rival.since < failoverTimeout
}

/** The newest vote for a sentinel that does not answer now, in an epoch that no answer has published. */
export function rivalOf (seen: Observation): Observation['rival'] {
  const answers = answersOf(seen)
  const published = Math.max(0, ...answers.map(({ configEpoch }) => configEpoch))
  const absent = voters(seen).filter(({ answer }) => answer === undefined).map(({ id }) => id)
  const votes = answers.flatMap(({ vote }) => vote && vote.epoch > published && absent.includes(vote.leader) ? [vote] : [])
  const newest = votes.toSorted((a, b) => b.epoch - a.epoch)[0]
  if (!newest) return undefined
  const isSame = seen.rival?.epoch === newest.epoch && seen.rival.leader === newest.leader
  return { ...newest, since: isSame ? seen.rival.since : seen.startedAt }
}

function waiting (obstacle: Obstacle): Succession {
  return { kind: 'waiting', obstacle }
}

/**
 * The pod at the last master's address, when it is proven dead and nobody else says that it is master. There are two when one was
 * deleted by force and its successor has the name: both must be dead.
 */
export function deadMaster (seen: Observation): RedisView | undefined {
  const there = predecessors(seen)
  return there?.every(({ process }) => process.kind === 'dead') ? there[0] : undefined
}

/** Refused once, and nobody else is master: the proof of the death comes in a moment, and kube-proxy should know before. */
export function isPerhapsDead (seen: Observation): boolean {
  const there = predecessors(seen) ?? []
  return there.length > 0 && there.every(({ process, isRefusing }) => process.kind === 'dead' || isRefusing)
}

function predecessors ({ redis, lastMaster }: Observation): RedisView[] | undefined {
  if (!lastMaster || redis.some(({ process }) => process.kind === 'master')) return undefined
  return redis.filter(({ address }) => address === lastMaster.address)
}

/** Nobody at its address answers, and nobody else says that it is master. */
function isSilent ({ redis }: Observation, address: string): boolean {
  return redis.every((pod) => pod.process.kind !== 'master' &&
    (pod.address !== address || pod.process.kind === 'unknown' || pod.process.kind === 'dead'))
}

/** One that is silent may have more than all others: until it has been lost for as long as a master, nobody is elected without it. */
function replicaObstacle (seen: Observation, predecessor: string): Obstacle | undefined {
  const living = seen.redis.filter(({ process, address }) => process.kind !== 'dead' && address !== predecessor)
  if (living.length === 0) return 'NoReplica'
  const isOutOfSight = ({ process }: RedisView) => process.kind === 'unknown' || process.kind === 'busy'
  if (living.some((pod) => isOutOfSight(pod) && !isLost(seen, pod, predecessor))) return 'ReplicaSilent'
  // one that still hears the master is a witness against its death
  if (deadMaster(seen) && living.some((pod) => wasInStream(pod, predecessor) && isLinked(pod))) return 'MasterNotProvenDead'
  return living.some((pod) => wasInStream(pod, predecessor)) ? undefined : 'ReplicaOutOfStream'
}

export function isLinked ({ process }: RedisView): boolean {
  return process.kind === 'slave' && process.link === 'connected'
}

function isLost (seen: Observation, { silentSince = seen.startedAt }: RedisView, predecessor: string): boolean {
  return seen.startedAt - silentSince >= seen.downAfterMilliseconds && isFoundDown(seen, predecessor)
}

/** For the last resort: no redis is out of sight that might have more data than those that are seen. */
function isComplete ({ redis, redisReplicas }: Observation): boolean {
  return redis.filter(({ process }) => process.kind === 'slave').length === redisReplicas - 1
}

function isLate ({ startedAt, vacantSince = startedAt, downAfterMilliseconds, failoverTimeout }: Observation): boolean {
  return startedAt - vacantSince > downAfterMilliseconds + 2 * failoverTimeout
}
