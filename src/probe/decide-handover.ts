/**
 * The planned handover of a living master, step by step: no acknowledged write is lost. Pure.
 *
 *   PodLeaves     the master's pod is being deleted
 *   Switchover    a person wants another one, which the sentinels prefer by now
 *   NotPublished  a promotion that no sentinel knows any more, for the one that made it is gone: the others would fail over once more,
 *                 away from the living master, and lose what it has written since. Forced now, it loses nothing, whomever they choose.
 *
 *   pause     CLIENT PAUSE ... WRITE on the master; reads go on (sentinel.md 4.2)
 *   failover  SENTINEL FAILOVER on the one chosen sentinel, when every replica has all of it: it chooses by figures up to ten seconds old
 *   yield     somebody else is master: the former one follows it, in the transaction that ends the pause
 *   resume    the master itself was chosen: the pause ends
 *
 * A handover that takes too long just stops, unless a sentinel is known to be at it: the pause ends by itself, and redis-prestop.sh may
 * have one of its own.
 */
import { MASTER_ROLE } from '../metadata/labels.ts'
import { canChoose, chosenSentinel, isAsked } from './decide-failover.ts'
import {
  answersOf, type HandoverReason, namedByMajority, type Observation, type PausedMaster, PREFERRED_PRIORITY, type RedisView,
  type SentinelView
} from './observation.ts'

export type HandoverStep =
  | { readonly kind: 'pause', readonly pod: RedisView, readonly reason: HandoverReason }
  | { readonly kind: 'failover', readonly pod: RedisView, readonly master: string, readonly sentinel: SentinelView, readonly reason: HandoverReason }
  | { readonly kind: 'yield', readonly pod: RedisView, readonly master: string, readonly successor: RedisView, readonly reason: 'Succeeded' }
  | { readonly kind: 'resume', readonly pod: RedisView, readonly reason: 'ChosenItself' }

/** A confirmed master, and how it was confirmed. */
export interface Confirmation {
  readonly by: 'Majority' | 'Promotion'
  readonly master: RedisView
  readonly address: string
}

/** From a promotion until the last sentinel publishes it: 2.7 s at the most in the lab, without a stall of the machine. */
export const PUBLICATION_GRACE_MS = 3000
/**
 * kube-proxy applies changes at most once a second (kubernetes-lab.md). The deletion is one, and in a rolling update there was another
 * one just before: the two take up to two seconds. A label that is written sooner waits for the rest of them, without a master, while
 * the leaving one could still serve its clients. redis-prestop.sh waits longer.
 */
const KUBE_PROXY_MS = 2200
/**
 * A pod that was deleted by force has lost its endpoint already; kube-proxy's next turn is a second later, and should find the new label.
 * Clients that are connected go on meanwhile. The process lives for at least 1.6 s (the kubelet gives preStop a second; docs/failover.md).
 */
const KUBE_PROXY_FORCED_MS = 500
/**
 * A replica that was synchronized a moment ago is linked, and gets nothing for up to a second: until Redis has reaped the child that wrote
 * the RDB. Paused then, the writes would wait for that. So for this long one that is far behind is waited for, and the master serves on.
 */
const FED_MS = 1000
const NEARLY_LEVEL_BYTES = 65_536
/** Until then every replica has all, and the sentinel accepts; the pause is longer than that. */
const ATTEMPTS_MS = 2000
/** A pause with less than this left becomes longer while a sentinel is at it. */
const PROLONG_MS = 2000
/** After a handover that did not happen: time for redis-prestop.sh, and for what was in the way. */
const RETRY_MS = 3000
/** A switchover has time: each attempt that fails stops the writes for three seconds. */
const RETRY_SWITCHOVER_MS = 60_000
/** Sentinels ask every second (sentinel-ready.sh), and a question may wait for the one before it. */
const PREFERENCE_KNOWN_MS = 2500

/** Undefined: no handover is wanted or under way. Empty: it is under way and waits. */
export function handover (seen: Observation, confirmation: Confirmation | undefined): readonly HandoverStep[] | undefined {
  const { paused, startedAt } = seen
  const pod = pausedMaster(seen)
  if (paused && pod) {
    if (startedAt < paused.until) return nextStep(seen, pod, paused)
    if (startedAt < retryAt(paused)) return undefined
  }
  const reason = confirmation && reasonFor(seen, confirmation)
  return reason && isPrepared(seen, confirmation) ? [{ kind: 'pause', pod: confirmation.master, reason }] : undefined
}

/** When a handover that did not happen may be tried again. */
export function retryAt ({ until, reason }: PausedMaster): number {
  return until + (reason === 'Switchover' ? RETRY_SWITCHOVER_MS : RETRY_MS)
}

/** One that is silent, dead or a replica by now is none: what is right then is right without a handover. */
export function pausedMaster ({ redis, paused }: Observation): RedisView | undefined {
  return redis.find(({ uid, process }) => uid === paused?.uid && process.kind === 'master')
}

function reasonFor (seen: Observation, { by, master }: Confirmation): HandoverReason | undefined {
  if (by === 'Majority') return hasToGo(seen, master) ? 'PodLeaves' : isToBeReplaced(seen, master) ? 'Switchover' : undefined
  const { masterSince = seen.startedAt } = master
  const allAnswer = answersOf(seen).length === seen.sentinelReplicas
  const isUnpublished = (allAnswer && masterSince < seen.startedAt) || seen.startedAt - masterSince >= PUBLICATION_GRACE_MS
  return isUnpublished ? 'NotPublished' : undefined
}

function hasToGo ({ startedAt, leavingSince = startedAt }: Observation, { presence }: RedisView): boolean {
  return presence !== 'Present' && startedAt - leavingSince >= (presence === 'Gone' ? KUBE_PROXY_FORCED_MS : KUBE_PROXY_MS)
}

function isToBeReplaced ({ redis, wanted, startedAt }: Observation, master: RedisView): boolean {
  const heir = redis.find((pod) => pod.pod === wanted && pod !== master)
  return master.presence === 'Present' && heir?.presence === 'Present' && heir.priority === PREFERRED_PRIORITY &&
    startedAt - (heir.prioritySince ?? startedAt) >= PREFERENCE_KNOWN_MS
}

export function isPrepared (seen: Observation, { by, master, address }: Confirmation): boolean {
  const monitored = monitoredByAll(seen)
  // the label first: clients wait for it
  if (master.label !== MASTER_ROLE && master.presence !== 'Gone') return false
  return monitored !== undefined && chosenSentinel(seen) !== undefined && isSettled(seen, monitored) &&
    isFollowed(seen, master, address, by === 'Majority' ? leastOffset(seen, master) : 0)
}

function leastOffset ({ startedAt, leavingSince = startedAt }: Observation, { presence, process }: RedisView): number {
  const isEarly = presence === 'Leaving' && startedAt - leavingSince < KUBE_PROXY_MS + FED_MS
  return process.kind === 'master' && isEarly ? process.offset - NEARLY_LEVEL_BYTES : 0
}

/** No failover that was asked for earlier is under way: all sentinels are in sight and say so, or it has had its time. */
function isSettled (seen: Observation, monitored: string): boolean {
  return answersOf(seen).length === seen.sentinelReplicas || !isAsked(seen, monitored)
}

/** The address that all sentinels in sight, and a majority of the configured ones, name and monitor, none of them failing over. */
function monitoredByAll (seen: Observation): string | undefined {
  const named = namedByMajority(seen)
  const quiet = answersOf(seen).every((answer) =>
    answer.named === named && answer.monitored === named && !answer.failingOver && !answer.objectivelyDown)
  return quiet ? named : undefined
}

/**
 * Every redis that a sentinel could choose is in the master's stream, and has at least `offset` of it. One that is silent
 * counts only when the master still counts it.
 */
function isFollowed ({ redis }: Observation, master: RedisView, address: string, offset = 0): boolean {
  if (master.process.kind !== 'master') return false
  const listed = master.process.replicas
  const candidates = redis.filter((pod) => pod !== master && canChoose(pod) &&
    !(pod.process.kind === 'unknown' && listed.every((replica) => replica.address !== pod.address)))
  return candidates.length > 0 && candidates.every(({ process }) =>
    process.kind === 'slave' && process.master === address && process.link === 'connected' && process.offset >= offset)
}

function nextStep (seen: Observation, pod: RedisView, paused: PausedMaster): HandoverStep[] {
  const [successor, other] = successors(seen, pod, paused)
  if (successor?.address !== undefined && !other) return [{ kind: 'yield', pod, master: successor.address, successor, reason: 'Succeeded' }]
  const { reason } = paused
  if (reason === 'NotPublished' && answersOf(seen).some(({ named }) => named === pod.address)) return [{ kind: 'resume', pod, reason: 'ChosenItself' }]
  // One that hung goes into TILT and promotes half a minute later: whatever is written until then would be lost.
  if (isUnderWay(seen, paused)) return paused.until - seen.startedAt < PROLONG_MS ? [{ kind: 'pause', pod, reason }] : []
  return other ? [] : askOnce(seen, pod, paused, reason)
}

function askOnce (seen: Observation, pod: RedisView, paused: PausedMaster, reason: HandoverReason): HandoverStep[] {
  const monitored = monitoredByAll(seen)
  const sentinel = chosenSentinel(seen)
  if (monitored === undefined || !sentinel || !mayAsk(seen, monitored, paused) || !isLevel(seen, pod, paused)) return []
  return [{ kind: 'failover', pod, master: monitored, sentinel, reason }]
}

/** A sentinel has accepted what was asked for in this pause, and is still at it. */
function isUnderWay (seen: Observation, { from }: PausedMaster): boolean {
  const { asked } = seen
  if (!asked || asked.at < from) return false
  return answersOf(seen).some(({ failingOver, monitored }) => failingOver && monitored === asked.address)
}

function mayAsk (seen: Observation, monitored: string, { from }: PausedMaster): boolean {
  const isAskedSince = (seen.asked?.at ?? -Infinity) >= from && isAsked(seen, monitored)
  return !isAskedSince && seen.startedAt - from < ATTEMPTS_MS
}

/** What was asked before the pause is no final offset. */
function isLevel (seen: Observation, pod: RedisView, { from }: PausedMaster): boolean {
  const offset = pod.process.kind === 'master' ? pod.process.offset : Infinity
  return seen.startedAt >= from && isFollowed(seen, pod, pod.address ?? '', offset)
}

/** Masters since the pause that were in this master's stream. */
function successors ({ redis }: Observation, former: RedisView, { from }: PausedMaster): RedisView[] {
  return redis.filter(({ process, masterSince = -Infinity, followed }) =>
    process.kind === 'master' && masterSince >= from && followed === former.address)
}
