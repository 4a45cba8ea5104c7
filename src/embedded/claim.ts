/** Which objects are a parent's children: Kubernetes' rules of adoption and release, as Metacontroller follows them. */
import { controllerOf, isDeleting, ownerReference } from './objects.ts'
import type { KubeObject } from './objects.ts'

export const CONTROLLER_UID_LABEL = 'controller-uid'

export type Claim = 'claimed' | 'adopt' | 'release' | 'ignored'

/** With generateSelector the selector is one label that carries the parent's uid. */
export function matchesParent (parent: KubeObject, object: { metadata: { labels?: Record<string, string> } }): boolean {
  const uid = parent.metadata.uid
  return uid !== undefined && object.metadata.labels?.[CONTROLLER_UID_LABEL] === uid
}

export function claimOf (parent: KubeObject, object: KubeObject): Claim {
  const controller = controllerOf(object)
  const matches = matchesParent(parent, object)
  if (controller) {
    if (controller.uid !== parent.metadata.uid) return 'ignored'
    if (matches) return 'claimed'
    return isDeleting(parent) ? 'ignored' : 'release'
  }
  // An object on its way out is not worth adopting, and a parent on its way out adopts nothing.
  return matches && !isDeleting(parent) && !isDeleting(object) ? 'adopt' : 'ignored'
}

export function adopted (parent: KubeObject, object: KubeObject): KubeObject {
  return withOwners(object, [...otherOwners(parent, object), ownerReference(parent)])
}

export function released (parent: KubeObject, object: KubeObject): KubeObject {
  return withOwners(object, otherOwners(parent, object))
}

function otherOwners (parent: KubeObject, object: KubeObject) {
  return (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== parent.metadata.uid)
}

function withOwners (object: KubeObject, ownerReferences: NonNullable<KubeObject['metadata']['ownerReferences']>): KubeObject {
  return { ...object, metadata: { ...object.metadata, ownerReferences } }
}
