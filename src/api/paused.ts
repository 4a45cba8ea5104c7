/** A freeze: the spec as it was when it began stays in force. */
import { z } from 'zod'

export const Paused = z.boolean().optional().describe('true: changes of the spec wait until it is false again. Failover and repair go on.')

/** Of a spec that may be invalid. */
export function isPaused (spec: unknown): boolean {
  return typeof spec === 'object' && spec !== null && (spec as { paused?: unknown }).paused === true
}
