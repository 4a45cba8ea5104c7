/** From what is observed and what is desired to what must be deleted, created and applied. Pure: no API calls here. */
import { createHash } from 'node:crypto'
import { CONTROLLER_UID_LABEL, matchesParent } from './claim.ts'
import { apiGroup, describe, groupKey, isDeleting, objectKey, ownerReference } from './objects.ts'
import type { KubeObject } from './objects.ts'
import type { UpdateMethod } from './composite-controller.ts'

/** What the API server answered to the last apply of an object. */
export type Applied = { hash: string, uid: string, generation: number, resourceVersion: string }
export type AppliedCache = Map<string, Applied>

export type Step =
  | { type: 'create', desired: KubeObject, hash: string }
  | { type: 'apply', desired: KubeObject, hash: string }
  | { type: 'delete', observed: KubeObject }
  | { type: 'skip', desired: KubeObject, reason: SkipReason }

type SkipReason = 'child is pending deletion' | 'update strategy' | 'unchanged since the last apply'

export type PlanInput = {
  parent: KubeObject
  observed: KubeObject[]
  desired: KubeObject[]
  /** The update method of each declared kind, by group key. */
  methods: Map<string, UpdateMethod>
  applied: AppliedCache
}

/** The API server fills these; applying them would be a conflict or a difference for ever. */
const SYSTEM_FIELDS = ['selfLink', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'deletionTimestamp',
  'deletionGracePeriodSeconds', 'managedFields']

/** One identity whatever the version a hook names, as in Metacontroller's own cache. */
export function appliedKey (object: KubeObject): string {
  return `${apiGroup(object.apiVersion)}/${object.kind}/${objectKey(object)}`
}

/** Deletes come first: what they free (a node port, a name) may be needed by what follows. */
export function plan (input: PlanInput): Step[] {
  const wanted = new Set(input.desired.map(identity))
  const deletes = input.observed
    .filter((object) => !wanted.has(identity(object)) && !isDeleting(object))
    .toSorted(inOrder)
    .map((observed): Step => ({ type: 'delete', observed }))
  const observed = new Map(input.observed.map((object) => [identity(object), object]))
  const applies = input.desired
    .toSorted(inOrder)
    .map((desired) => stepFor(input, desired, observed.get(identity(desired))))
  return [...deletes, ...applies]
}

function stepFor (input: PlanInput, desired: KubeObject, observed: KubeObject | undefined): Step {
  if (observed && isDeleting(observed)) return { type: 'skip', desired, reason: 'child is pending deletion' }
  const applicable = applyConfiguration(input.parent, desired)
  const hash = createHash('sha256').update(canonicalJson(applicable)).digest('hex')
  if (!observed) return { type: 'create', desired: applicable, hash }
  if (isCurrent(input.applied.get(appliedKey(desired)), observed, hash)) {
    return { type: 'skip', desired, reason: 'unchanged since the last apply' }
  }
  if (input.methods.get(groupKey(desired)) !== 'InPlace') return { type: 'skip', desired, reason: 'update strategy' }
  return { type: 'apply', desired: applicable, hash }
}

/**
 * Nothing has changed when neither the desired object nor the observed one has. A generation does not see labels and
 * annotations drift; a kind that has no generation is compared by its resourceVersion.
 */
export function isCurrent (last: Applied | undefined, observed: KubeObject, hash: string): boolean {
  if (!last || last.hash !== hash || last.uid !== observed.metadata.uid) return false
  const generation = observed.metadata.generation ?? 0
  if (generation !== last.generation) return false
  return generation !== 0 || last.resourceVersion === observed.metadata.resourceVersion
}

export function appliedFrom (answer: KubeObject, hash: string): Applied {
  const { uid = '', generation = 0, resourceVersion = '' } = answer.metadata
  return { hash, uid, generation, resourceVersion }
}

/** The hook's children made ready: last of two with one name, in the parent's namespace, with the parent's label. */
export function desiredChildren (parent: KubeObject, children: KubeObject[], declared: Map<string, UpdateMethod>): KubeObject[] {
  const placed = children.map((child) => labelled(parent, inNamespaceOf(parent, child)))
  const undeclared = placed.find((child) => !declared.has(groupKey(child)))
  if (undeclared) {
    // Metacontroller would create such a child and never look at it again; this project wants to hear of it instead.
    throw new Error(`${describe(undeclared)} (${groupKey(undeclared)}) is not one of the CompositeController's childResources`)
  }
  const stranger = placed.find((child) => !matchesParent(parent, child))
  if (stranger) throw new Error(`labels on desired child ${describe(stranger)} don't match parent selector`)
  return [...new Map(placed.map((child) => [identity(child), child])).values()]
}

function inNamespaceOf (parent: KubeObject, child: KubeObject): KubeObject {
  const { namespace } = parent.metadata
  if (child.metadata.namespace || !namespace) return child
  return { ...child, metadata: { ...child.metadata, namespace } }
}

function labelled (parent: KubeObject, child: KubeObject): KubeObject {
  const { labels } = child.metadata
  if (labels && CONTROLLER_UID_LABEL in labels) return child
  return { ...child, metadata: { ...child.metadata, labels: { ...labels, [CONTROLLER_UID_LABEL]: parent.metadata.uid ?? '' } } }
}

/** What is sent: the hook's object without what is the server's, owned by the parent. */
function applyConfiguration (parent: KubeObject, desired: KubeObject): KubeObject {
  const { status: _status, ...fields } = desired
  const metadata = Object.fromEntries(Object.entries(desired.metadata).filter(([field]) => !SYSTEM_FIELDS.includes(field)))
  const owners = desired.metadata.ownerReferences ?? []
  const owned = owners.some(({ uid }) => uid === parent.metadata.uid)
  const ownerReferences = owned ? owners : [...owners, ownerReference(parent)]
  return { ...fields, metadata: { ...metadata, name: desired.metadata.name, ownerReferences } }
}

function identity (object: KubeObject): string {
  return `${groupKey(object)} ${objectKey(object)}`
}

/** By group, version and kind, as Metacontroller does: core before apps before policy; by name within a kind. */
function inOrder (a: KubeObject, b: KubeObject): number {
  const [left, right] = [sortKey(a), sortKey(b)]
  const index = left.findIndex((part, i) => part !== right[i])
  return index < 0 ? 0 : (left[index] ?? '') < (right[index] ?? '') ? -1 : 1
}

function sortKey (object: KubeObject): string[] {
  return [apiGroup(object.apiVersion), object.apiVersion, object.kind, objectKey(object)]
}

function canonicalJson (value: unknown): string {
  return JSON.stringify(value, (_key, inner) => isPlainObject(inner)
    ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => a < b ? -1 : 1))
    : inner)
}

function isPlainObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
