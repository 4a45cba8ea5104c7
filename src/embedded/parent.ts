/** The two things the driver writes to a parent: its status and the finalizer of the finalize hook. */
import { apiStatus } from './failures.ts'
import { isDeleting } from './objects.ts'
import { statusUpdate } from './status.ts'
import type { ApiClient } from './api-client.ts'
import type { KubeObject, ResourceInfo } from './objects.ts'

const CONFLICT = 409
const NOT_FOUND = 404
const ATTEMPTS = 5
/** While the garbage collector deals with the children, managing them would be a fight. */
const GC_FINALIZERS = ['foregroundDeletion', 'orphan']

type Target = { api: ApiClient, resource: ResourceInfo }
export type StatusWrite = 'written' | 'unchanged' | 'gone' | 'conflict'

/** Reads the live parent each time: the copy that was synced may be old, its status older. */
export async function writeStatus ({ api, resource }: Target, parent: KubeObject, status: Record<string, unknown>): Promise<StatusWrite> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const live = await api.get(resource, parent)
    if (live?.metadata.uid !== parent.metadata.uid) return 'gone'
    const update = live && statusUpdate(live, status)
    if (!update) return 'unchanged'
    try {
      await api.updateStatus(resource, update)
      return 'written'
    } catch (error) {
      if (apiStatus(error) === NOT_FOUND) return 'gone'
      if (apiStatus(error) !== CONFLICT) throw error
    }
  }
  return 'conflict'
}

export function hasFinalizer (parent: KubeObject, name: string): boolean {
  return parent.metadata.finalizers?.includes(name) ?? false
}

export function hasGcFinalizer (parent: KubeObject): boolean {
  return GC_FINALIZERS.some((name) => hasFinalizer(parent, name))
}

/** The parent as it is after its finalizer was added, or removed where there is no finalize hook any more. */
export async function syncFinalizer (target: Target, parent: KubeObject, name: string, wanted: boolean): Promise<KubeObject> {
  if (hasFinalizer(parent, name) === wanted) return parent
  // What is being deleted gets no finalizer: perhaps it has just been removed.
  if (wanted && isDeleting(parent)) return parent
  return setFinalizer(target, parent, name, wanted)
}

export async function setFinalizer ({ api, resource }: Target, parent: KubeObject, name: string, wanted: boolean): Promise<KubeObject> {
  const live = await api.get(resource, parent)
  if (!live || live.metadata.uid !== parent.metadata.uid) throw new Error(`${resource.kind} ${parent.metadata.name} is gone`)
  if (hasFinalizer(live, name) === wanted) return live
  const others = (live.metadata.finalizers ?? []).filter((finalizer) => finalizer !== name)
  const finalizers = wanted ? [...others, name] : others
  return api.update(resource, { ...live, metadata: { ...live.metadata, finalizers } })
}
