/** Runs one CompositeController: informers feed the queue, the queue runs syncs. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createCustomize } from './customize.ts'
import { messageOf } from './failures.ts'
import { groupKey, objectKey } from './objects.ts'
import { appliedKey } from './plan.ts'
import { createQueue } from './queue.ts'
import { isOurs, sync } from './sync.ts'
import { parentChanged, parentsOfChild, relatedObjects } from './triggers.ts'
import type { Logger } from 'pino'
import type { ApiClient } from './api-client.ts'
import type { ChildKind } from './children.ts'
import type { CompositeController, UpdateMethod } from './composite-controller.ts'
import type { Customize } from './customize.ts'
import type { EventRecorder } from './events.ts'
import type { HookClient } from './hook-client.ts'
import type { Change, Informer, Informers } from './informer.ts'
import type { KubeObject, ResourceInfo } from './objects.ts'
import type { AppliedCache } from './plan.ts'
import type { Queue, Timers } from './queue.ts'

export type ControllerOptions = {
  controller: CompositeController
  api: ApiClient
  informers: Informers
  hooks: HookClient
  events: EventRecorder
  timers: Timers
  log: Logger
  signal: AbortSignal
}

/** Resolves, after the signal, when nothing runs any more. */
export type RunningController = { stopped: Promise<void> }

const WORKERS = 5
const SECOND = 1000
/** The informers' own resync in Metacontroller; a longer resyncPeriodSeconds has no effect there either. */
const MAX_RESYNC_MS = 30 * 60 * SECOND
const DISCOVERY_RETRY_MS = 2 * SECOND

type Kinds = { parent: ResourceInfo, children: { resource: ResourceInfo, method: UpdateMethod }[] }

export function runController (options: ControllerOptions): RunningController {
  const { controller, signal } = options
  const log = options.log.child({ controller: controller.metadata.name })
  const stopped = start({ ...options, log }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  return { stopped }
}

async function start (options: ControllerOptions): Promise<void> {
  const { informers, log, signal } = options
  const kinds = await discoverKinds(options)
  const parents = informers(kinds.parent)
  const children = kinds.children.map((kind): ChildKind => ({ ...kind, informer: informers(kind.resource) }))
  log.info('waiting for the first lists')
  await unlessAborted(Promise.all([parents, ...children.map(({ informer }) => informer)].map(({ synced }) => synced)), signal)
  const queue = createSyncQueue(options, parents, children)
  log.info('controller started')
  await aborted(signal)
  await queue.close()
}

/** The custom resource definitions may come later than the driver: it waits for them. */
async function discoverKinds ({ controller: { spec }, api, log, signal }: ControllerOptions): Promise<Kinds> {
  for (;;) {
    try {
      const parent = await discovered(api, spec.parentResource)
      if (!parent.hasStatus) throw new Error(`${parent.resource} (${parent.apiVersion}) has no status subresource`)
      const children = await Promise.all(spec.childResources.map(async (child) => {
        const method: UpdateMethod = child.updateStrategy.method === 'InPlace' ? 'InPlace' : 'OnDelete'
        return { resource: await discovered(api, child), method }
      }))
      return { parent, children }
    } catch (error) {
      signal.throwIfAborted()
      log.warn({ reason: messageOf(error) }, 'controller cannot start yet')
      await sleep(DISCOVERY_RETRY_MS, undefined, { signal })
    }
  }
}

async function discovered (api: ApiClient, { apiVersion, resource }: { apiVersion: string, resource: string }): Promise<ResourceInfo> {
  const info = await api.discover(apiVersion, resource)
  if (!info) throw new Error(`${resource} (${apiVersion}) is not served`)
  return info
}

function createSyncQueue (options: ControllerOptions, parents: Informer, children: ChildKind[]): Queue {
  const { controller, api, hooks, events, timers, log } = options
  const applied: AppliedCache = new Map()
  const customize = createCustomize({
    ...options,
    now: timers.now,
    onChange: (resource, change) => wakeRelated({ parents, customize, wake, log }, resource, change),
  })
  const queue = createQueue({
    workers: WORKERS,
    timers,
    run: (key) => sync({
      controller,
      api,
      hooks,
      events,
      log,
      customize,
      applied,
      parentResource: parents.resource,
      kinds: new Map(children.map((kind) => [groupKey(kind.resource), kind])),
      parentOf: parents.get,
      resyncAfter: queue.addAfter,
    }, key),
  })

  function wake (parent: KubeObject): void {
    if (isOurs(controller, parent)) queue.add(objectKey(parent))
  }

  parents.subscribe((change) => {
    if (parentChanged(change, controller.spec.parentResource.ignoreStatusChanges)) wake(change.object)
  })
  for (const { informer } of children) {
    informer.subscribe((change) => {
      if (change.type === 'deleted') applied.delete(appliedKey(change.object))
      for (const parent of parentsOfChild(change, parents)) wake(parent)
    })
  }
  resyncAll(options, () => { for (const parent of parents.list()) wake(parent) })
  return queue
}

function resyncAll ({ controller, timers, signal }: ControllerOptions, wakeAll: () => void): void {
  const seconds = controller.spec.resyncPeriodSeconds ?? Infinity
  const period = Math.min(Math.max(seconds, 1) * SECOND, MAX_RESYNC_MS)
  const schedule = (): void => {
    const cancel = timers.after(period, () => {
      wakeAll()
      signal.removeEventListener('abort', cancel)
      schedule()
    })
    signal.addEventListener('abort', cancel, { once: true })
  }
  if (!signal.aborted) schedule()
}

type RelatedContext = { parents: Informer, customize: Customize, wake: (parent: KubeObject) => void, log: Logger }

/** Asks each parent's rules; a parent whose rules cannot be had now is left to its next sync. */
function wakeRelated ({ parents, customize, wake, log }: RelatedContext, resource: ResourceInfo, change: Change): void {
  const objects = relatedObjects(change)
  for (const parent of parents.list()) {
    customize.wants(parent, resource, objects).then(
      (wanted) => { if (wanted) wake(parent) },
      (err: unknown) => log.debug({ err, parent: objectKey(parent) }, 'customize hook failed for a related object'),
    )
  }
}

function aborted (signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

async function unlessAborted (ready: Promise<unknown>, signal: AbortSignal): Promise<void> {
  await Promise.race([ready, aborted(signal)])
  signal.throwIfAborted()
}
