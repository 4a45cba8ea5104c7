/** One sync of one parent, in Metacontroller's order: finalizer, claim, related, hook, children, status. */
import { claimChildren, manageChildren } from './children.ts'
import { finalizerName } from './composite-controller.ts'
import { isRelatedNotSynced, messageOf, retryAfterSeconds } from './failures.ts'
import { isDeleting, objectKey } from './objects.ts'
import { hasFinalizer, hasGcFinalizer, setFinalizer, syncFinalizer, writeStatus } from './parent.ts'
import { desiredChildren } from './plan.ts'
import { objectGroups } from './request.ts'
import { parseSyncResponse } from './response.ts'
import { matchesSelector } from './selector.ts'
import { desiredStatus } from './status.ts'
import type { ChildrenContext } from './children.ts'
import type { CompositeController, Hook } from './composite-controller.ts'
import type { Customize } from './customize.ts'
import type { EventRecorder } from './events.ts'
import type { HookClient } from './hook-client.ts'
import type { KubeObject } from './objects.ts'
import type { Outcome } from './queue.ts'
import type { SyncRequest } from './request.ts'
import type { SyncResponse } from './response.ts'

export type SyncContext = ChildrenContext & {
  controller: CompositeController
  customize: Customize
  hooks: HookClient
  events: EventRecorder
  parentOf: (key: string) => KubeObject | undefined
  resyncAfter: (key: string, ms: number) => void
}

const SECOND = 1000

/** Never throws: what went wrong becomes an event, a log line and the outcome for the queue. */
export async function sync (context: SyncContext, key: string): Promise<Outcome> {
  const { log, events, parentOf } = context
  const parent = parentOf(key)
  if (!parent) return { type: 'done' }
  try {
    await syncParent(context, parent)
    return { type: 'done' }
  } catch (error) {
    const seconds = retryAfterSeconds(error)
    if (seconds !== undefined) {
      log.info({ parent: key, retryAfterSeconds: seconds }, 'hook asked to be called later')
      return { type: 'after', ms: seconds * SECOND }
    }
    if (isRelatedNotSynced(error)) {
      log.debug({ parent: key, err: error }, 'related objects not listed yet')
      return { type: 'retry' }
    }
    log.error({ parent: key, err: error }, 'sync failed')
    await events.syncError(parent, `Sync error: ${messageOf(error)}`)
    return { type: 'retry' }
  }
}

/** Whether a parent is this controller's business: it matches the labelSelector, or has our finalizer still to be removed. */
export function isOurs (controller: CompositeController, parent: KubeObject): boolean {
  return matchesParentSelector(controller, parent) || hasFinalizer(parent, finalizerName(controller))
}

function matchesParentSelector ({ spec }: CompositeController, parent: KubeObject): boolean {
  const { labelSelector } = spec.parentResource
  return !labelSelector || matchesSelector(labelSelector, parent.metadata.labels)
}

async function syncParent (context: SyncContext, cached: KubeObject): Promise<void> {
  const { controller, api, parentResource, kinds } = context
  const target = { api, resource: parentResource }
  const finalizer = finalizerName(controller)
  const { finalize } = controller.spec.hooks
  if (!isOurs(controller, cached)) return
  let parent = await syncFinalizer(target, cached, finalizer, finalize !== undefined)
  if (!isOurs(controller, parent)) return

  const observed = await claimChildren(context, parent)
  const response = await callHook(context, parent, observed)
  if (!response) return
  if (response.resyncAfterSeconds > 0) context.resyncAfter(objectKey(parent), response.resyncAfterSeconds * SECOND)
  if (response.finalized && finalize) parent = await setFinalizer(target, parent, finalizer, false)

  const methods = new Map([...kinds].map(([key, { method }]) => [key, method]))
  const desired = desiredChildren(parent, response.children, methods)
  const finalizing = finalize !== undefined && hasFinalizer(parent, finalizer) && !hasGcFinalizer(parent)
  const failure = isDeleting(parent) && !finalizing
    ? undefined
    : await manageChildren(context, parent, observed, desired).then(() => undefined, (error: unknown) => ({ error }))
  await finish(context, parent, response, failure)
}

/** The status is written even when children failed; a parent that is gone or has changed comes back by itself. */
async function finish (
  { api, parentResource, log }: SyncContext, parent: KubeObject, response: SyncResponse, failure: { error: unknown } | undefined,
): Promise<void> {
  const name = `${parentResource.kind} ${objectKey(parent)}`
  const status = desiredStatus(parent, response.status)
  const written = await writeStatus({ api, resource: parentResource }, parent, status).catch((error: unknown) => {
    throw new Error(`can't update status for ${name}: ${messageOf(error)}`, { cause: error })
  })
  log.debug({ parent: objectKey(parent), status: written }, 'synced')
  if (failure && (written === 'written' || written === 'unchanged')) {
    throw new Error(`can't reconcile children for ${name}: ${messageOf(failure.error)}`, { cause: failure.error })
  }
}

async function callHook (context: SyncContext, parent: KubeObject, observed: KubeObject[]): Promise<SyncResponse | undefined> {
  const { controller, customize, hooks, kinds } = context
  const related = await customize.related(parent)
  const chosen = chooseHook(controller, parent)
  if (!chosen) return undefined
  const request: SyncRequest = {
    controller: controller.document,
    parent,
    children: objectGroups([...kinds.values()].map(({ resource }) => resource), observed),
    related,
    finalizing: chosen.name === 'finalize',
  }
  const text = await hooks(chosen.name, chosen.hook, request)
  try {
    return parseSyncResponse(text, chosen.hook.webhook.responseUnMarshallMode)
  } catch (error) {
    throw new Error(`${chosen.name} hook failed (version=v2): ${messageOf(error)}`, { cause: error })
  }
}

/** A parent that leaves, by deletion or by its labels, is finalized where there is a hook for it. */
function chooseHook (controller: CompositeController, parent: KubeObject): { name: 'sync' | 'finalize', hook: Hook } | undefined {
  const { sync: syncHook, finalize } = controller.spec.hooks
  if (finalize && (isDeleting(parent) || !matchesParentSelector(controller, parent))) return { name: 'finalize', hook: finalize }
  return syncHook && { name: 'sync', hook: syncHook }
}
