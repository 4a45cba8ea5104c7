// What a trouble of make chaos is, and the choices that all kinds of them make by the same seed.
import type { ControlPlane } from './control-plane.ts'
import type { Lab } from './lab.ts'
import type { Pod } from './pod.ts'

export interface Context {
  readonly lab: Lab
  readonly plane: ControlPlane
  readonly random: () => number
  /** The master when the step began. */
  readonly master: () => number
  /**
   * Bounds what asynchronous replication may lose: what these pods acknowledge from `from` (performance.now()) on for so many
   * milliseconds, and no more than `most` writes.
   */
  readonly mayLose: (pods: readonly Pod[], from: number, ms: number, most?: number) => void
  readonly check: (what: string, right: boolean) => void
  /** What chance has chosen; shown with the step. */
  readonly note: (text: string) => void
}

export interface Trouble {
  readonly name: string
  /** Two troubles that touch the same are never at the same time. */
  readonly touches: 'redis' | 'sentinel' | 'probe' | 'everything'
  /** Never together with another. */
  readonly alone?: true
  readonly make: (context: Context) => Promise<void>
}

export type Choice = (context: Context) => number

export const pick = ({ random }: Context, count: number): number => Math.floor(random() * count)
export const between = ({ random }: Context, low: number, high: number): number => low + random() * (high - low)
export const anyRedis: Choice = (context) => pick(context, context.lab.spec().redisReplicas)
export const anySentinel: Choice = (context) => pick(context, context.lab.spec().sentinelReplicas)
export const anyReplica: Choice = (context) => {
  const others = context.lab.redis.map((_, ordinal) => ordinal).filter((ordinal) => ordinal !== context.master())
  return others[pick(context, others.length)] ?? 0
}
