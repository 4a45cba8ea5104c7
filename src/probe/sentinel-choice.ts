/** Whom a sentinel would promote now, in its own order (sentinel.c, sentinelSelectSlave). Pure. */
import type { LivingReplica } from './decide-failover.ts'
import type { ReplicaFigures } from './replies.ts'

/** A sentinel that fails over looks at each replica again before it chooses, unless it did within the last second (sentinel.c). */
const FRESH_MS = 1000

/** `known`: what the sentinel says of its replicas. An address, or undefined when there is nobody. */
export function choiceOf (known: readonly ReplicaFigures[], living: ReadonlyMap<string, LivingReplica>): string | undefined {
  const candidates = known.flatMap((replica) => {
    const now = living.get(replica.address)
    if (!now || !replica.isEligible) return []
    if (replica.age < FRESH_MS) return [replica]
    return [{ ...replica, offset: now.offset, runId: now.runId ?? replica.runId, priority: now.priority }]
  })
  return candidates.toSorted((a, b) => a.priority - b.priority || b.offset - a.offset || compareRunIds(a.runId, b.runId))[0]?.address
}

/** One without a run id, not asked yet, comes last. */
function compareRunIds (a: string, b: string): number {
  if (a === b) return 0
  return a !== '' && (b === '' || a < b) ? -1 : 1
}
