/** What both kinds refuse. */
import type { z } from 'zod'

/** The fields that the messages name; one each. */
export function problems (schema: z.ZodType, spec: object): string[] {
  const { error } = schema.safeParse(spec)
  const fields = (error?.issues ?? []).map(({ path }) => path.join('.'))
  return [...new Set(fields)]
}

export const storageProblems: readonly (readonly [field: string, spec: object])[] = [
  ['storage', { storage: null }],
  ['storage.size', { storage: { size: '' } }],
  ['storage.size', { storage: { size: '1 Gi' } }],
  ['storage.size', { storage: { size: '1Gb' } }],
  ['storage.size', { storage: { size: '-1Gi' } }],
  ['storage.size', { storage: { size: 1 } }],
  ['storage.size', { storage: { size: `${'1'.repeat(32)}Gi` } }],
  ['storage.hostPath', { storage: { hostPath: 'data' } }],
  ['storage.hostPath', { storage: { hostPath: '/' } }],
  ['storage.hostPath', { storage: { hostPath: '/a:b' } }],
  ['storage.storageClassName', { storage: { storageClassName: '' } }],
]
