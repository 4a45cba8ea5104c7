// Broken requests, made from good ones: nodes of the JSON tree replaced, taken out or doubled, and the text itself damaged.
import fc from 'fast-check'

const DEEP = 20_000
const DEEP_MARK = 'deep'

/** Values of every type, where another one is expected. */
const STRANGE: readonly unknown[] = [
  null, true, 0, -1, 0.5, 1e308, '', ' ', 'x', '-', '10.96.0.1', '-5Gi', '1e9', 'toString', 'é\u0000\uFFFF', 'a'.repeat(70_000),
  [], [null], [[]], {}, { name: null }, { metadata: {} }, { length: 1 }, { constructor: 'x' },
  Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`k${n}`, n])),
]

export type Mutation =
  | { readonly kind: 'replace', readonly at: number, readonly by: number }
  | { readonly kind: 'remove' | 'double' | 'rename' | 'swap', readonly at: number, readonly other: number }
  | { readonly kind: 'cut' | 'flip' | 'insert', readonly at: number, readonly byte: number }
  | { readonly kind: 'deep', readonly at: number }

const position = fc.nat(2 ** 30)
export const mutations: fc.Arbitrary<readonly Mutation[]> = fc.array(fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('replace' as const), at: position, by: fc.nat(STRANGE.length - 1) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('remove' as const, 'double' as const, 'rename' as const, 'swap' as const), at: position, other: position }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('cut' as const, 'flip' as const, 'insert' as const), at: position, byte: fc.nat(255) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('deep' as const), at: position }) }), { minLength: 1, maxLength: 5 })

/** The body of a request after all of them. */
export function mutated (request: object, steps: readonly Mutation[]): Buffer {
  const tree = { root: structuredClone(request) as unknown }
  for (const step of steps) change(tree, step)
  const text = Buffer.from((JSON.stringify(tree.root) ?? '').replaceAll(`"${DEEP_MARK}"`, '['.repeat(DEEP) + ']'.repeat(DEEP)))
  return steps.reduce(damage, text)
}

interface Place { readonly holder: Record<string, unknown>, readonly key: string }

function places (holder: object, found: Place[] = []): Place[] {
  for (const [key, inner] of Object.entries(holder)) {
    found.push({ holder: holder as Record<string, unknown>, key })
    if (typeof inner === 'object' && inner !== null) places(inner as object, found)
  }
  return found
}

function change (tree: { root: unknown }, step: Mutation): void {
  const all = places(tree)
  const { holder, key } = all[step.at % all.length] ?? { holder: tree as Record<string, unknown>, key: 'root' }
  if (step.kind === 'replace') holder[key] = structuredClone(STRANGE[step.by])
  if (step.kind === 'remove') remove(holder, key)
  if (step.kind === 'double') holder[`${key}-${step.other % 3}`] = structuredClone(holder[key])
  if (step.kind === 'rename') [holder[`${key}x`], holder[key]] = [holder[key], undefined]
  if (step.kind === 'swap') {
    const other = all[step.other % all.length]
    if (other) holder[key] = structuredClone(other.holder[other.key])
  }
  // as a mark, for a tree of this depth cannot be walked
  if (step.kind === 'deep') holder[key] = DEEP_MARK
}

function remove (holder: Record<string, unknown>, key: string): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1)
  else Reflect.deleteProperty(holder, key)
}

function damage (text: Buffer, step: Mutation): Buffer {
  const at = step.at % (text.length + 1)
  if (step.kind === 'cut') return text.subarray(0, at)
  if (step.kind === 'insert') return Buffer.concat([text.subarray(0, at), Buffer.from([step.byte]), text.subarray(at)])
  if (step.kind === 'flip' && at < text.length) {
    const copy = Buffer.from(text)
    copy[at] = step.byte
    return copy
  }
  return text
}
