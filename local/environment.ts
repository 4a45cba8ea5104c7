/** What the environment says of Metacontroller, for the demo and for the cluster tests. */
import type { MetacontrollerBinary } from './install.ts'

export function metacontrollerBinary (environment: Record<string, string | undefined>): MetacontrollerBinary | undefined {
  const path = environment['METACONTROLLER_BIN']
  if (!path) return undefined
  const strategy = environment['METACONTROLLER_APPLY'] || 'dynamic-apply'
  if (strategy !== 'dynamic-apply' && strategy !== 'server-side-apply') {
    throw new Error(`METACONTROLLER_APPLY is dynamic-apply or server-side-apply, not ${strategy}`)
  }
  return { path, strategy }
}
