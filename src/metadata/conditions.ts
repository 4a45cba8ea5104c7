/** Conditions: what was decided before, what is true now, and when that changed. */
import { z } from 'zod'
import { Condition } from '../api/kubernetes.ts'
import type { Parent, Verdict } from './children.ts'

const Previous = z.looseObject({ conditions: z.array(Condition).catch([]) }).catch({ conditions: [] })

/**
 * The verdicts as conditions, in their order. `lastTransitionTime` moves only when `status` does: a time that moved on
 * every sync would be a new status on every sync (metacontroller.md 2.3, "real hot loops").
 */
export function conditions (parent: Parent, verdicts: readonly Verdict[], now: Date): Condition[] {
  const before = Previous.parse(parent.status ?? {}).conditions
  return verdicts.map((verdict) => {
    const previous = before.find(({ type }) => type === verdict.type)
    const moved = previous?.status !== verdict.status
    return {
      ...verdict,
      lastTransitionTime: moved || !previous ? seconds(now) : previous.lastTransitionTime,
      ...(parent.metadata.generation !== undefined && { observedGeneration: parent.metadata.generation }),
    }
  })
}

/** RFC 3339 in whole seconds, as Kubernetes' own times are. */
function seconds (time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z')
}
