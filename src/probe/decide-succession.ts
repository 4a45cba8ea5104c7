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
  answersOf, isFoundDown, isMajority, namedByMajority, type HandoverReason, type Mark, type Memory, NOWHERE, type Observation,
  type RedisView, type SentinelView, voters,
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
/** A replica that has been out of the stream for longer, while the master went on, may lack anything: nobody is to promote it. */
export const STALE_MS = 3000
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
 * Of one that followed the master that the sentinels name, or that is this master, whose Service was made anew: they would find its former
 * address down, and replace it while it writes. Undefined while it cannot be held: the label then tells of the promotion, and the
 * sentinels publish it by themselves.
 */
export function publication (seen: Observation, pod: RedisView): Election | undefined {
  const predecessor = namedByMajority(seen)
  if (!seen.mayElect || predecessor === undefined || isTooSoon(seen)) return undefined
  if (pod.followed !== predecessor && !isMoved(seen, pod)) return undefined
  if (answersOf(seen).some(({ named }) => named !== predecessor && named !== pod.address)) return undefined
  return election(seen, { pod, predecessor, reason: 'NotPublished' })
}

/** The last master is still master, and nobody is at the address that the sentinels name. */
function isMoved (seen: Observation, { uid }: RedisView): boolean {
  const named = namedByMajority(seen)
  return uid === seen.lastMaster?.uid && seen.redis.every(({ address }) => address !== named)
}

/** Does somebody of the same history have more than the promoted one? It must not be made known: what only others have would be lost. */
export function hasLess (seen: Observation, promoted: RedisView): boolean {
  const { followed, process } = promoted
  if (process.kind !== 'master' || followed === undefined || isMoved(seen, promoted)) return false
  return seen.redis.some((pod) => (pod.address === followed || pod.followed === followed) && offsetOf(pod) > process.offset)
}

/**
 * The named master, when it lives, has abdicated and has everything: its successor has less, or is none any more. It goes on, while every
 * sentinel that answers names it.
 */
export function abdicated (seen: Observation): RedisView | undefined {
  const named = namedByMajority(seen)
  if (!seen.mayElect || answersOf(seen).some((answer) => answer.named !== named || answer.failingOver)) return undefined
  const most = Math.max(...seen.redis.map(offsetOf))
  return seen.redis.find(({ address, process }) =>
    address === named && process.kind === 'slave' && process.master === NOWHERE && process.offset >= most)
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
  const streamed = seen.redis.filter((pod) => wasInStream(pod, predecessor) && !isOfAnother(pod, seen))
  const floor = least ?? Math.max(...streamed.map(offsetOf))
  const candidates = streamed.filter((pod) => offsetOf(pod) >= floor && !isStale(pod, seen) && isCandidate(pod))
  return candidates.toSorted((a, b) => rank(seen, a) - rank(seen, b))[0]
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

/**
 * Had it been out of the stream for long when the master was last there? Its link does not tell: while packets are dropped it is up until
 * repl-timeout. So it must have what the master had written by then, too.
 */
export function isStale (pod: RedisView, { masterAt, lastMaster, marks }: Pick<Memory, 'masterAt' | 'lastMaster' | 'marks'>): boolean {
  if (masterAt === undefined) return false
  const isLong = (since = Infinity) => masterAt - since > STALE_MS
  const due = marks.findLast(({ at, of }) => of === lastMaster?.uid && isLong(at))
  return isLong(pod.unlinkedSince) || (due !== undefined && !has(pod, due))
}

function has ({ process }: RedisView, { history, offset }: Mark): boolean {
  return process.kind === 'slave' && process.history === history && process.offset >= offset
}

/** The master has restarted, and this replica still has its connection to the process before: its offset is of a history that has ended. */
function isOfAnother ({ process }: RedisView, { marks, lastMaster }: Observation): boolean {
  const last = marks.findLast(({ of }) => of === lastMaster?.uid)
  return last !== undefined && process.kind === 'slave' && process.history !== last.history
}

/** It is in that master's stream, and has what that one had written at the look before. */
export function isLevel (pod: RedisView, { uid, address }: RedisView, marks: readonly Mark[]): boolean {
  const due = marks.findLast(({ of }) => of === uid)
  return due !== undefined && isLinked(pod) && pod.process.kind === 'slave' && pod.process.master === address && has(pod, due)
}

function offsetOf ({ process }: RedisView): number {
  return 'offset' in process ? process.offset : -Infinity
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
