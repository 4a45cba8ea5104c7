/** What the next look has to know of this one. Pure. */
import { MASTER_ROLE } from '../metadata/labels.ts'
import type { Verdict } from './decide.ts'
import { retryAt } from './decide-handover.ts'
import { deadMaster, rivalOf, STALE_MS } from './decide-succession.ts'
import { answersOf, type HeldElection, type LastMaster, type Mark, type Memory, type Observation, type PausedMaster, type RedisView } from './observation.ts'

/** Between two marks. */
const MARK_MS = 500

export const NOTHING: Memory = {
  lastMaster: undefined,
  masterAt: undefined,
  marks: [],
  vacantSince: undefined,
  election: undefined,
  rival: undefined,
  leavingSince: undefined,
  paused: undefined,
}

export function whatToRemember (seen: Observation, verdict: Verdict): Memory {
  const lastMaster = masterToRemember(seen, verdict) ?? seen.lastMaster
  return {
    lastMaster,
    masterAt: verdict.kind === 'confirmed' ? seen.startedAt : latest(seen.masterAt, heardBySentinels(seen, lastMaster)),
    marks: verdict.kind === 'confirmed' ? withMark(seen, verdict.master) : seen.marks,
    vacantSince: deadMaster(seen) && (seen.vacantSince ?? seen.startedAt),
    election: electionToRemember(seen, verdict),
    rival: rivalOf(seen),
    leavingSince: isLeaving(seen, lastMaster) ? seen.leavingSince ?? seen.startedAt : undefined,
    paused: stillPaused(seen),
  }
}

/**
 * When a majority of the sentinels had last heard that master. This probe alone may not reach it while it goes on: a replica without a link
 * lacks what is written meanwhile.
 */
function heardBySentinels (seen: Observation, master: LastMaster | undefined): number | undefined {
  const quiet = answersOf(seen).map(({ monitored, quietMs }) => monitored === master?.address ? quietMs : Infinity)
  const ms = quiet.toSorted((a, b) => a - b)[Math.floor(seen.sentinelReplicas / 2)] ?? Infinity
  return Number.isFinite(ms) ? seen.startedAt - ms : undefined
}

/** One that has another history, or less than before, has restarted: what it had then says nothing about its replicas. */
function withMark ({ marks, startedAt }: Observation, { uid, process }: RedisView): readonly Mark[] {
  if (process.kind !== 'master') return marks
  const { offset, history } = process
  const own = marks.filter((mark) => mark.of === uid && mark.history === history && mark.offset <= offset)
  if (startedAt - (own.at(-1)?.at ?? -Infinity) < MARK_MS) return own
  const isNeeded = (_: Mark, i: number) => startedAt - (own[i + 1]?.at ?? Infinity) <= STALE_MS
  return [...own.filter(isNeeded), { at: startedAt, offset, history, of: uid }]
}

function latest (a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? a ?? b : Math.max(a, b)
}

/** What failed counts until a majority names another master. The epoch is not forgotten: it was used. */
function electionToRemember ({ election }: Observation, verdict: Verdict): HeldElection | undefined {
  const isOver = verdict.kind === 'confirmed' && verdict.by === 'Majority' && verdict.address !== election?.predecessor
  return election && isOver ? { ...election, outcome: 'Accepted', failures: 0 } : election
}

/** Until the handover that it was for may be tried again. A look that the master does not answer changes nothing. */
function stillPaused ({ paused, startedAt, redis }: Observation): PausedMaster | undefined {
  const kind = redis.find(({ uid }) => uid === paused?.uid)?.process.kind
  const mayBeMaster = kind === 'master' || kind === 'unknown' || kind === 'busy'
  return paused && mayBeMaster && startedAt < retryAt(paused) ? paused : undefined
}

/** Said by the API server, so a look in which the process was silent changes nothing. */
function isLeaving ({ redis }: Observation, lastMaster: LastMaster | undefined): boolean {
  return redis.some(({ uid, presence }) => uid === lastMaster?.uid && presence !== 'Present')
}

/** The master that the next promotion must succeed: the confirmed one; before there is one, the one that carries the label. */
function masterToRemember (seen: Observation, verdict: Verdict): LastMaster | undefined {
  if (verdict.kind === 'confirmed') return { uid: verdict.master.uid, address: verdict.address }
  const [labelled, second] = seen.redis.filter((pod) => pod.label === MASTER_ROLE)
  if (seen.lastMaster || !labelled || second || labelled.address === undefined) return undefined
  return { uid: labelled.uid, address: labelled.address }
}
