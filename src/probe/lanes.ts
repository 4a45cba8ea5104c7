/**
 * Who waits for whom at the API server: requests of one sort for each other, never for those of another one. A master's label must not
 * stand behind Events that a slow admission webhook holds up, nor a list behind Secrets.
 */

/** Requests under way at once, by sort. */
const LIMITS = {
  /** Labels, and the annotation of a switchover. */
  urgent: 24,
  /** The EndpointSlice before the label: the label waits for it. */
  slice: 8,
  /** More than there are reflectors, so that no kind of object waits for another kind's pages. */
  list: 8,
  event: 4,
  /** Secrets, bindings, volume claims, the Lease (in a client of its own). */
  usual: 8,
} as const

export type Lane = keyof typeof LIMITS

type InTurn = <Value>(lane: Lane, task: () => Promise<Value>) => Promise<Value>

export function createLanes (): InTurn {
  const lanes = new Map(Object.entries(LIMITS).map(([lane, limit]) => [lane, queue(limit)]))
  return (lane, task) => lanes.get(lane)!(task)
}

function queue (limit: number): <Value>(task: () => Promise<Value>) => Promise<Value> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (task) => {
    if (running < limit) running += 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }
}
