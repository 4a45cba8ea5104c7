/**
 * The planned handover of a living master, step by step: no acknowledged write is lost. Pure.
 *
 *   PodLeaves   the master's pod is being deleted
 *   Switchover  a person wants another one
 *
 *   pause    CLIENT PAUSE ... WRITE on the master; reads go on
 *   elect    the successor has everything that the paused master has: see decide-succession.ts
 *   resume   no successor in time: the pause ends at once, and the handover is tried again later
 *
 * The pause ends by itself if this probe dies: nobody but the former master was ever known to anybody then.
 */
import { MASTER_ROLE } from '../metadata/labels.ts'
import { KUBE_PROXY_FORCED_MS, KUBE_PROXY_MS, pauseMs } from '../metadata/timings.ts'
import { type Election, election, electionObstacle, isLinked, successor } from './decide-succession.ts'
import { answersOf, type HandoverReason, isMajority, type Observation, type PausedMaster, type RedisView } from './observation.ts'

export type HandoverStep =
  | { readonly kind: 'pause', readonly pod: RedisView, readonly ms: number, readonly reason: HandoverReason }
  | { readonly kind: 'resume', readonly pod: RedisView, readonly reason: 'NoSuccessorInTime' }
  | Election

/** A confirmed master, and how it was confirmed. */
export interface Confirmation {
  readonly by: 'Majority' | 'Promotion'
  readonly master: RedisView
  readonly address: string
}

/**
 * A replica that was synchronized a moment ago is linked, and gets nothing for up to a second: until Redis has reaped the child that wrote
 * the RDB. Paused then, the writes would wait for that. So for this long one that is far behind is waited for, and the master serves on.
 */
const FED_MS = 1000
const NEARLY_LEVEL_BYTES = 65_536
/** Of the pause: until then the successor must have everything. The rest is for votes, promotion and the former master's demotion. */
const SHARE_TO_BE_LEVEL = 0.6
/** A replica that was nearly level is level within a few round trips: one that is not has lost its link. */
const LEVEL_MS = 600
/** After a handover that did not happen: time for what was in the way. */
const RETRY_MS = 3000
/** A switchover has time: each attempt that fails stops the writes. */
const RETRY_SWITCHOVER_MS = 60_000

/** Undefined: no handover is wanted or under way. Empty: it is under way and waits. */
export function handover (seen: Observation, confirmation: Confirmation | undefined): readonly HandoverStep[] | undefined {
  const { paused, startedAt } = seen
  const pod = pausedMaster(seen)
  if (paused && pod) {
    if (startedAt < paused.until) return nextStep(seen, pod, paused)
    if (startedAt < retryAt(paused)) return undefined
  }
  const reason = confirmation?.by === 'Majority' && seen.mayElect ? reasonFor(seen, confirmation.master) : undefined
  if (!reason || !confirmation || !isPrepared(seen, confirmation, reason)) return undefined
  return [{ kind: 'pause', pod: confirmation.master, ms: pauseMs(seen.downAfterMilliseconds), reason }]
}

/** When a handover that did not happen may be tried again. */
export function retryAt ({ until, reason }: PausedMaster): number {
  return until + (reason === 'Switchover' ? RETRY_SWITCHOVER_MS : RETRY_MS)
}

/** One that is silent, dead or a replica by now is none: what is right then is right without a handover. */
function pausedMaster ({ redis, paused }: Observation): RedisView | undefined {
  return redis.find(({ uid, process }) => uid === paused?.uid && process.kind === 'master')
}

function reasonFor (seen: Observation, master: RedisView): HandoverReason | undefined {
  if (hasToGo(seen, master)) return 'PodLeaves'
  const wanted = seen.redis.find((pod) => pod.pod === seen.wanted && pod !== master)
  return master.presence === 'Present' && wanted?.presence === 'Present' ? 'Switchover' : undefined
}

function hasToGo ({ startedAt, leavingSince = startedAt }: Observation, { presence }: RedisView): boolean {
  return presence !== 'Present' && startedAt - leavingSince >= (presence === 'Gone' ? KUBE_PROXY_FORCED_MS : KUBE_PROXY_MS)
}

function isPrepared (seen: Observation, { master, address }: Confirmation, reason: HandoverReason): boolean {
  // the label first: clients wait for it
  if (master.label !== MASTER_ROLE && master.presence !== 'Gone') return false
  if (seen.redis.some((pod) => pod !== master && pod.process.kind === 'master')) return false
  return isMajority(answersOf(seen).length, seen) && electionObstacle(seen, address) === undefined &&
    linkedSuccessor(seen, address, reason, leastOffset(seen, master)) !== undefined
}

function leastOffset ({ startedAt, leavingSince = startedAt }: Observation, { presence, process }: RedisView): number {
  const isEarly = presence === 'Leaving' && startedAt - leavingSince < KUBE_PROXY_MS + FED_MS
  return process.kind === 'master' && isEarly ? process.offset - NEARLY_LEVEL_BYTES : 0
}

/** Only one that hears the master now: whoever was cut off from it may be far behind, whatever the sentinels know of it. */
function linkedSuccessor (seen: Observation, address: string, reason: HandoverReason, least: number): RedisView | undefined {
  const isCandidate = (pod: RedisView) => isLinked(pod) && (reason !== 'Switchover' || pod.pod === seen.wanted)
  return successor(seen, address, { least, isCandidate })
}

function nextStep (seen: Observation, pod: RedisView, paused: PausedMaster): HandoverStep[] {
  const { reason, from, until } = paused
  const { address } = pod
  const isLate = seen.startedAt > from + Math.min((until - from) * SHARE_TO_BE_LEVEL, LEVEL_MS)
  if (isLate || address === undefined) return [{ kind: 'resume', pod, reason: 'NoSuccessorInTime' }]
  if (electionObstacle(seen, address) !== undefined || pod.process.kind !== 'master' || seen.startedAt < from) return []
  // what was asked before the pause is no final offset
  const level = linkedSuccessor(seen, address, reason, pod.process.offset)
  return level ? [election(seen, { pod: level, predecessor: address, former: pod, reason })] : []
}
