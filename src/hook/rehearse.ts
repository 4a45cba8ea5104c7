/** A sync request made up from a CR alone, as it looks once everything exists: for `npm run render`, tests and benchmarks. */
import type { Child } from '../metadata/children.ts'
import { type KindName, KINDS, sync } from './kinds.ts'
import { CHILD_GROUPS } from './objects.ts'
import type { SyncResponse } from './response.ts'

export type ChildGroups = Record<string, Record<string, object>>

export interface RequestBody {
  readonly controller: object
  readonly parent: object
  readonly children: ChildGroups
  readonly related: ChildGroups
  readonly finalizing: boolean
}

/** Metacontroller names every declared kind. */
export const EMPTY: ChildGroups = Object.fromEntries(CHILD_GROUPS.map((group) => [group, {}]))

export function requestBody (controller: object, parent: object, children: ChildGroups = {}): RequestBody {
  return { controller, parent, children: { ...EMPTY, ...children }, related: { 'Pod.v1': {}, 'PersistentVolumeClaim.v1': {} }, finalizing: false }
}

/** Asks the hook and feeds its answers back until they stay the same; throws when they do not within five rounds. */
export function rehearse (name: KindName, controller: object, parent: object, now: Date): { request: RequestBody, response: SyncResponse } {
  let request = requestBody(controller, parent)
  for (let round = 0; round < 5; round++) {
    const response = sync(KINDS[name], KINDS[name].syncRequest.parse(request), now)
    const next = requestBody(controller, parent, grouped(response.children))
    if (JSON.stringify(next.children) === JSON.stringify(request.children)) return { request, response }
    request = next
  }
  throw new Error('the answers do not settle')
}

/** The children as the cluster would hold them: by group and key, each Service with an address of 192.0.2.0/24, each with a UID. */
export function grouped (children: readonly Child[]): ChildGroups {
  const groups: ChildGroups = { ...EMPTY }
  let last = 0
  for (const child of children) {
    const group = `${child.kind}.${child.apiVersion}`
    const metadata = { ...child.metadata, uid: `uid-${child.kind}-${child.metadata?.name}` }
    const spec = 'spec' in child ? { spec: { ...address(child, ++last), ...child.spec } } : {}
    groups[group] = { ...groups[group], [`${child.metadata?.namespace}/${child.metadata?.name}`]: { ...child, metadata, ...spec } }
  }
  return groups
}

function address ({ kind }: Child, number: number): object {
  return kind === 'Service' ? { clusterIP: `192.0.2.${number}` } : {}
}
