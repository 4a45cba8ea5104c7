/** Kubernetes objects as the API server's own JSON, and the words Metacontroller keys them by. */

export type OwnerReference = {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

type ObjectMeta = {
  name: string
  namespace?: string
  uid?: string
  resourceVersion?: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  finalizers?: string[]
  ownerReferences?: OwnerReference[]
  [field: string]: unknown
}

export type KubeObject = {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
  status?: unknown
  [field: string]: unknown
}

/** What discovery says about one resource of one group version. */
export type ResourceInfo = {
  apiVersion: string
  resource: string
  kind: string
  namespaced: boolean
  hasStatus: boolean
}

/** `{"StatefulSet.apps/v1": {"ns/name": {...}}}`: a declared group is there even when it is empty. */
export type ObjectGroups = Record<string, Record<string, KubeObject>>

/** The group of the core API has no name, so its key is `Kind.version`. */
export function groupKey ({ kind, apiVersion }: { kind: string, apiVersion: string }): string {
  return `${kind}.${apiVersion}`
}

export function objectKey ({ metadata: { namespace, name } }: { metadata: { namespace?: string, name: string } }): string {
  return namespace ? `${namespace}/${name}` : name
}

export function apiGroup (apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''
}

export function controllerOf (object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true)
}

export function isDeleting (object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined
}

export function ownerReference (parent: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata: { name, uid } } = parent
  return { apiVersion, kind, name, uid: uid ?? '', controller: true, blockOwnerDeletion: true }
}

/** Text for messages, as Metacontroller writes it: `StatefulSet default/a`. */
export function describe (object: KubeObject): string {
  return `${object.kind} ${objectKey(object)}`
}
