/**
 * What the hook must not forget, in a small ConfigMap of its own: the last valid spec, which goes on being applied while
 * the present one is invalid (metacontroller.md 10.4), and the last known master (sentinel.md 2.4).
 */
import type { ConfigMap } from 'kubernetes-types/core/v1.js'
import { z } from 'zod'
import { isPaused } from '../api/paused.ts'
import { byName, childrenOf, type Observed, type Parent, type Verdict } from '../metadata/children.ts'
import type { Identity } from '../metadata/labels.ts'
import { configMap } from './config-map.ts'

const SPEC = 'spec'

/** The spec to build from; undefined when there never was a valid one. */
export interface Resolved<Spec> {
  readonly spec: Spec | undefined
  /** SpecValid, and Paused while it is. */
  readonly verdicts: readonly Verdict[]
}

/** `validate` returns what is wrong beyond the schema, as sentences for the user. */
export function resolveSpec<Spec> (
  parent: Parent, observed: Observed, name: string, schema: z.ZodType<Spec>, validate: (spec: Spec) => readonly string[]
): Resolved<Spec> {
  const parsed = schema.safeParse(parent.spec ?? {})
  const problems = parsed.success ? validate(parsed.data) : [z.prettifyError(parsed.error)]
  const isValid = parsed.success && problems.length === 0
  const before = isValid && !isPaused(parent.spec) ? undefined : lastValidSpec(observed, name, schema)
  const paused = isPaused(parent.spec) && before !== undefined
  const spec = isValid && !paused ? parsed.data : before
  // an empty answer deletes everything, so with the memory gone there is no right one (design 3.3)
  if (!spec && childrenOf(observed).length > 0) throw new Error(`the spec is invalid and ConfigMap ${name} holds no valid one: ${problems.join('; ')}`)
  return { spec, verdicts: [validity(problems, spec !== undefined), ...(paused ? [PAUSED] : [])] }
}

const PAUSED: Verdict = {
  type: 'Paused', status: 'True', reason: 'PausedByUser', message: 'The spec as it was before stays in force; changes wait until spec.paused is false.',
}

function validity (problems: readonly string[], isKept: boolean): Verdict {
  if (problems.length === 0) return { type: 'SpecValid', status: 'True', reason: 'Valid', message: 'The spec is valid.' }
  const kept = isKept ? 'The last valid spec stays in force.' : 'Nothing is created until it is corrected.'
  return { type: 'SpecValid', status: 'False', reason: 'InvalidSpec', message: `${problems.join('; ')} ${kept}` }
}

function lastValidSpec<Spec> (observed: Observed, name: string, schema: z.ZodType<Spec>): Spec | undefined {
  const text = byName(observed.configMaps, name)?.data?.[SPEC]
  if (text === undefined) return undefined
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    return undefined // edited by hand: as good as lost
  }
}

/** `facts` are further things to remember, by key. */
export function stateConfigMap (
  parent: Parent, name: string, identity: Identity, spec: object, facts: Record<string, string> = {}
): ConfigMap {
  return configMap(name, parent.metadata.namespace, identity, { ...facts, [SPEC]: JSON.stringify(sorted(spec)) })
}

/** Keys in one order at any depth: the order in which a user wrote them must not be a change. */
function sorted (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]))
}
