/** Carries out on the API server what claim.ts and plan.ts decide about children. */
import { adopted, claimOf, released } from './claim.ts'
import { aggregate, apiStatus, messageOf } from './failures.ts'
import { controllerOf, describe, groupKey, isDeleting, objectKey } from './objects.ts'
import { appliedFrom, appliedKey, isCurrent, plan } from './plan.ts'
import type { Logger } from 'pino'
import type { ApiClient } from './api-client.ts'
import type { UpdateMethod } from './composite-controller.ts'
import type { Informer } from './informer.ts'
import type { KubeObject, ResourceInfo } from './objects.ts'
import type { AppliedCache, Step } from './plan.ts'

export type ChildKind = { resource: ResourceInfo, method: UpdateMethod, informer: Informer }

export type ChildrenContext = {
  api: ApiClient
  log: Logger
  parentResource: ResourceInfo
  /** By group key. */
  kinds: Map<string, ChildKind>
  applied: AppliedCache
}

/** The observed children: what the parent owns already and what it can adopt now. */
export async function claimChildren (context: ChildrenContext, parent: KubeObject): Promise<KubeObject[]> {
  const children: KubeObject[] = []
  let checked: Promise<void> | undefined
  const recheck = () => (checked ??= recheckParent(context, parent))
  for (const { informer, resource } of context.kinds.values()) {
    for (const object of candidates(informer, parent)) {
      const claim = claimOf(parent, object)
      if (claim === 'claimed') children.push(object)
      if (claim === 'release') await release(context, resource, parent, object)
      if (claim === 'adopt') {
        await recheck()
        children.push(...await adopt(context, resource, parent, object))
      }
    }
  }
  return children
}

/** Owned objects and orphans; those of other controllers are never looked at. */
function candidates (informer: Informer, parent: KubeObject): KubeObject[] {
  const { uid, namespace } = parent.metadata
  return [...uid ? informer.ownedBy(uid) : [], ...informer.ownedBy('')]
    .filter((object) => !namespace || object.metadata.namespace === namespace)
}

/** The cached parent may be gone or going: a live look keeps it from taking objects with it. */
async function recheckParent ({ api, parentResource }: ChildrenContext, parent: KubeObject): Promise<void> {
  const live = await api.get(parentResource, parent)
  if (live?.metadata.uid !== parent.metadata.uid) throw new Error(`original ${describe(parent)} is gone`)
  if (live && isDeleting(live)) throw new Error(`${objectKey(parent)} has just been deleted at ${live.metadata.deletionTimestamp}`)
}

async function adopt (
  { api, log }: ChildrenContext, resource: ResourceInfo, parent: KubeObject, object: KubeObject,
): Promise<KubeObject[]> {
  const live = await api.get(resource, object)
  if (!live || live.metadata.uid !== object.metadata.uid) return []
  if (controllerOf(live)) throw new Error(`can't adopt ${describe(object)}: it has a controller already`)
  log.info({ parent: objectKey(parent), child: describe(object) }, 'adopting child')
  return [await api.update(resource, adopted(parent, live))]
}

async function release ({ api, log }: ChildrenContext, resource: ResourceInfo, parent: KubeObject, object: KubeObject): Promise<void> {
  const live = await api.get(resource, object)
  if (!live || live.metadata.uid !== object.metadata.uid) return
  log.info({ parent: objectKey(parent), child: describe(object) }, 'releasing child')
  await api.update(resource, released(parent, live))
}

/** Goes on after a failure, so that one bad child does not hold up the others, and throws all failures together. */
export async function manageChildren (
  context: ChildrenContext, parent: KubeObject, observed: KubeObject[], desired: KubeObject[],
): Promise<void> {
  const { applied, kinds } = context
  const methods = new Map([...kinds].map(([key, { method }]) => [key, method]))
  const errors: unknown[] = []
  for (const step of plan({ parent, observed, desired, methods, applied })) {
    const object = step.type === 'delete' ? step.observed : step.desired
    const kind = kinds.get(groupKey(object))
    if (!kind) continue
    try {
      await carryOut(context, kind, parent, step)
    } catch (error) {
      errors.push(new Error(`can't ${step.type} ${describe(object)}: ${messageOf(error)}`, { cause: error }))
    }
  }
  if (errors.length > 0) throw aggregate(errors)
}

async function carryOut (context: ChildrenContext, kind: ChildKind, parent: KubeObject, step: Step): Promise<void> {
  switch (step.type) {
    case 'delete': return remove(context, kind, parent, step.observed)
    case 'create': return create(context, kind, parent, step)
    case 'apply': return apply(context, kind, parent, step)
    case 'skip': {
      const { desired, reason } = step
      return context.log.debug({ parent: objectKey(parent), child: describe(desired), reason }, 'not updating child')
    }
  }
}

async function remove (
  { api, log, applied }: ChildrenContext, { resource }: ChildKind, parent: KubeObject, object: KubeObject,
): Promise<void> {
  log.info({ parent: objectKey(parent), child: describe(object) }, 'deleting child')
  try {
    await api.delete(resource, object)
    applied.delete(appliedKey(object))
  } catch (error) {
    if (apiStatus(error) !== 404) throw error
  }
}

type ApplyStep = { desired: KubeObject, hash: string }

/**
 * A server-side apply would take over what somebody else made under this name, so the server is asked first: what is not
 * ours stays as it is, which is what Metacontroller's default mode does. What is ours and only not yet in the cache is not new.
 */
async function create (context: ChildrenContext, kind: ChildKind, parent: KubeObject, step: ApplyStep): Promise<void> {
  const { api, log, applied } = context
  const existing = await api.get(kind.resource, step.desired)
  if (!existing) return apply(context, kind, parent, step)
  const fields = { parent: objectKey(parent), child: describe(existing) }
  if (controllerOf(existing)?.uid !== parent.metadata.uid) return log.info(fields, 'child exists and is not ours, left as it is')
  if (isDeleting(existing)) return log.info(fields, 'child exists and is pending deletion')
  if (kind.method !== 'InPlace' || isCurrent(applied.get(appliedKey(existing)), existing, step.hash)) return
  return apply(context, kind, parent, step)
}

async function apply (
  { api, log, applied }: ChildrenContext, { resource }: ChildKind, parent: KubeObject, { desired, hash }: ApplyStep,
): Promise<void> {
  const fields = { parent: objectKey(parent), child: describe(desired) }
  log.info(fields, 'applying child')
  try {
    applied.set(appliedKey(desired), appliedFrom(await api.apply(resource, desired), hash))
  } catch (error) {
    // It changed under our hands; the change itself brings the parent back into the queue.
    if (apiStatus(error) !== 409) throw error
    log.info(fields, 'child changed while it was applied')
  }
}
