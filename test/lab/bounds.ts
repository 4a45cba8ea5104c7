// What may be lost, by who acknowledged it and when: docs/failure-modes.md states these bounds.
import { fenceMs } from '../../src/metadata/timings.ts'
import type { Lab } from './lab.ts'
import { addressesOf, type Pod } from './pod.ts'
import type { Write } from './writer.ts'

/** The fence is a script that looks about every second. */
const FENCE_ROUND_MS = 1000
/** What a master acknowledges so shortly before it is cut off or dies may be on its way to the replicas. */
const ON_ITS_WAY_MS = 100

interface Bound {
  readonly by: readonly string[]
  readonly from: number
  readonly to: number
  readonly most: number
}

/** For so long after it was cut off from a majority of the sentinels a master may acknowledge what will be lost. */
export function fenceBoundMs (lab: Lab): number {
  return fenceMs(lab.spec().downAfterMilliseconds) + FENCE_ROUND_MS
}

export function createBounds () {
  const bounds: Bound[] = []
  return {
    /** What these pods acknowledge from `from` (performance.now()) on for so many milliseconds, and no more than `most` writes. */
    allow: (pods: readonly Pod[], from: number, ms: number, most = Infinity): void => {
      const by = addressesOf(pods)
      bounds.push({ by, from: from - ON_ITS_WAY_MS, to: from + ms, most })
    },
    /** Those of the lost writes that no bound allows. */
    outside: (lost: readonly Write[]): Write[] => {
      const left = bounds.map(({ most }) => most)
      return lost.filter(({ at, by }) => {
        const i = bounds.findIndex((bound, i) =>
          (left[i] ?? 0) > 0 && bound.by.includes(by) && at >= bound.from && at <= bound.to)
        if (i >= 0) left[i] = (left[i] ?? 0) - 1
        return i < 0
      })
    },
  }
}

export type Bounds = ReturnType<typeof createBounds>
