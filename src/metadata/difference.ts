/** Whether an object is as it is desired. What others have added to it is no difference. */

/** Path of the first field of `desired` that `observed` has not, or has otherwise; undefined when there is none. */
export function difference (desired: unknown, observed: unknown): string | undefined {
  return find(desired, observed, undefined)?.join('.')
}

/** All of them. A list counts as one field. */
export function differences (desired: unknown, observed: unknown): string[] {
  const all: string[][] = []
  find(desired, observed, all)
  return all.map((path) => path.join('.'))
}

/** The keys down to the first difference; with `all` it goes on, and puts every one there. */
function find (desired: unknown, observed: unknown, all: string[][] | undefined): string[] | undefined {
  if (!isMap(desired)) return (Array.isArray(desired) ? hasAll(desired, observed) : desired === observed) ? undefined : report([], all)
  if (!isMap(observed)) return report([], all)
  for (const key of Object.keys(desired)) {
    const below: string[][] | undefined = all && []
    const found = find(desired[key], observed[key], below)
    for (const path of below ?? []) all?.push([key, ...path])
    if (found) return [key, ...found]
  }
  return undefined
}

function report (path: string[], all: string[][] | undefined): string[] | undefined {
  if (!all) return path
  all.push(path)
  return undefined
}

function isMap (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Lists are merged by their elements' keys, so others may have put theirs in between. */
function hasAll (desired: readonly unknown[], observed: unknown): boolean {
  return Array.isArray(observed) && desired.every((one) => observed.some((other) => find(one, other, undefined) === undefined))
}
