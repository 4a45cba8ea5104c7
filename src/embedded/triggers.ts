/** Which changes in the cluster make a parent worth a sync. Pure: from a change to the parents it concerns. */
import { isDeepStrictEqual } from 'node:util'
import { matchesParent } from './claim.ts'
import { apiGroup, controllerOf, isDeleting } from './objects.ts'
import type { Change } from './informer.ts'
import type { KubeObject, ResourceInfo } from './objects.ts'

/** With ignoreStatusChanges an update counts only if generation, labels or annotations changed or the parent is being deleted. */
export function parentChanged (change: Change, ignoreStatusChanges: boolean): boolean {
  if (change.type !== 'updated' || !ignoreStatusChanges || isDeleting(change.object)) return true
  const [old, cur] = [change.old.metadata, change.object.metadata]
  return old.generation !== cur.generation ||
    !isDeepStrictEqual(old.labels ?? {}, cur.labels ?? {}) ||
    !isDeepStrictEqual(old.annotations ?? {}, cur.annotations ?? {})
}

export type ParentLookup = {
  resource: ResourceInfo
  get: (key: string) => KubeObject | undefined
  list: () => KubeObject[]
}

/**
 * A child concerns the parent that controls it; an orphan concerns those that could adopt it. The parent is found by name
 * and then compared by uid: children of a deleted parent do not wake a new one of the same name, as in Metacontroller.
 */
export function parentsOfChild (change: Change, parents: ParentLookup): KubeObject[] {
  const child = change.object
  const controller = controllerOf(child)
  if (controller) {
    const { apiVersion, kind } = parents.resource
    if (apiGroup(controller.apiVersion) !== apiGroup(apiVersion) || controller.kind !== kind) return []
    const namespace = parents.resource.namespaced ? child.metadata.namespace : undefined
    const parent = parents.get(namespace ? `${namespace}/${controller.name}` : controller.name)
    return parent?.metadata.uid === controller.uid && parent ? [parent] : []
  }
  // An orphan that is deleted is nobody's loss.
  if (change.type === 'deleted' || isDeleting(child)) return []
  return parents.list().filter((parent) => matchesParent(parent, child) &&
    (!parents.resource.namespaced || parent.metadata.namespace === child.metadata.namespace))
}

/** A related object concerns those who select it now and those who selected it before. */
export function relatedObjects (change: Change): KubeObject[] {
  return change.type === 'updated' ? [change.old, change.object] : [change.object]
}
