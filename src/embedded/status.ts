/** The parent's status: the hook's answer replaces it whole, and observedGeneration is the driver's own. */
import { isDeepStrictEqual } from 'node:util'
import type { KubeObject } from './objects.ts'

/** The generation is that of the copy the hook was asked about, never of the newest one. */
export function desiredStatus (synced: KubeObject, status: Record<string, unknown> | null | undefined): Record<string, unknown> {
  return { ...status, observedGeneration: synced.metadata.generation ?? 0 }
}

/** The object to PUT to /status, or undefined when the live one says the same already. */
export function statusUpdate (live: KubeObject, status: Record<string, unknown>): KubeObject | undefined {
  return isDeepStrictEqual(live.status, status) ? undefined : { ...live, status }
}
