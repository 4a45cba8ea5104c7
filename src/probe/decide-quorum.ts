/**
 * What sentinels say of their own quorum, for the hook: it sees pods alone, so the probe notes it on the sentinel's pod, and the hook makes
 * the condition `Quorum` of it. Only trouble is noted: in a quiet cluster nothing is written. Pure.
 */
import type { Observation, SentinelView } from './observation.ts'

/** A sentinel that restarts is missed by the others for a moment. */
const LASTING_MS = 30_000

export interface QuorumNote {
  readonly pod: string
  readonly uid: string
  /** What the sentinel says; undefined: the note on its pod goes. */
  readonly note: string | undefined
}

/** The notes that are not as they should be. */
export function createQuorumWatch (): (seen: Observation) => QuorumNote[] {
  const since = new Map<string, number>()

  return ({ sentinels, startedAt }) => {
    for (const uid of [...since.keys()]) if (sentinels.every((one) => one.uid !== uid || one.answer?.noQuorum === null)) since.delete(uid)
    return sentinels.flatMap((one): QuorumNote[] => {
      const { pod, uid, answer, note } = one
      if (answer?.noQuorum === undefined) return []
      if (answer.noQuorum === null) return note === undefined ? [] : [{ pod, uid, note: undefined }]
      if (!since.has(uid)) since.set(uid, startedAt)
      return isLasting(one, startedAt - (since.get(uid) ?? startedAt)) ? [{ pod, uid, note: answer.noQuorum }] : []
    })
  }
}

function isLasting ({ answer, note }: SentinelView, ms: number): boolean {
  return answer?.noQuorum !== note && ms >= LASTING_MS
}
