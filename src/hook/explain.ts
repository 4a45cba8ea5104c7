/** What an answer means for each child, in words: for `npm run render -- --explain`. Pure. */
import type { Service } from 'kubernetes-types/core/v1.js'
import { type Child, nameOf } from '../metadata/children.ts'
import { differences } from '../metadata/difference.ts'
import { type KindName, KINDS, sync } from './kinds.ts'
import { rehearse, type RequestBody } from './rehearse.ts'

export interface Explanation {
  /**
   * keep: it is there as desired; withheld: it will be desired, and is not yet; delete: it is observed and no longer desired.
   */
  readonly action: 'keep' | 'create' | 'change' | 'delete' | 'withheld'
  readonly child: string
  readonly why: string
}

/** Throws where the hook does: when no right answer is possible. */
export function explain (name: KindName, request: RequestBody, now: Date): { explanations: Explanation[], status: object } {
  const { children, status } = sync(KINDS[name], KINDS[name].syncRequest.parse(request), now)
  const observed = observedChildren(request)
  const desired = byKindAndName(children)
  const atLast = byKindAndName(rehearsed(name, request, now))
  return {
    status,
    explanations: [
      ...[...desired].map(([child, wanted]) => explained(child, wanted, observed.get(child))),
      ...[...observed.keys()].filter((child) => !desired.has(child)).map((child) => ({ action: 'delete' as const, child, why: 'it is there and not desired' })),
      ...[...atLast.keys()].filter((child) => !desired.has(child) && !observed.has(child)).map((child) => ({ action: 'withheld' as const, child, why: withheld(observed) })),
    ],
  }
}

/** The children once everything exists; none when the spec is refused. */
function rehearsed (name: KindName, { controller, parent }: RequestBody, now: Date): readonly Child[] {
  return rehearse(name, controller, parent, now).response.children
}

function explained (child: string, desired: Child, observed: Child | undefined): Explanation {
  if (!observed) return { action: 'create', child, why: 'it is desired and not there' }
  const fields = differences(desired, observed)
  if (fields.length === 0) return { action: 'keep', child, why: 'it is as desired' }
  const restarts = desired.kind === 'StatefulSet' && fields.some((field) => field.startsWith('spec.template')) ? '; its pods are replaced one by one' : ''
  return { action: 'change', child, why: `otherwise: ${fields.join(', ')}${restarts}` }
}

function withheld (observed: ReadonlyMap<string, Child>): string {
  const hasNoAddress = (child: Child) => child.kind === 'Service' && !(child as Service).spec?.clusterIP
  const without = [...observed].flatMap(([name, child]) => hasNoAddress(child) ? [name] : [])
  return `it needs the addresses of all pods' Services${without.length > 0 ? `; without one: ${without.join(', ')}` : ', and not all of these are there'}`
}

function observedChildren ({ children }: RequestBody): ReadonlyMap<string, Child> {
  return byKindAndName(Object.values(children).flatMap((group) => Object.values(group) as Child[]))
}

function byKindAndName (children: readonly Child[]): ReadonlyMap<string, Child> {
  return new Map(children.map((child) => [nameOf(child), child]))
}
