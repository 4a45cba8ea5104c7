/** What a hook is sent, version v2 to the letter. */
import { groupKey, objectKey } from './objects.ts'
import type { KubeObject, ObjectGroups, ResourceInfo } from './objects.ts'

/** The customize hook gets the first two of these. */
export type SyncRequest = {
  controller: object
  parent: KubeObject
  children: ObjectGroups
  related: ObjectGroups
  finalizing: boolean
}

/** A list of objects by group and by `ns/name`, with a group for each resource even when nothing is in it. */
export function objectGroups (resources: ResourceInfo[], objects: KubeObject[]): ObjectGroups {
  const groups: ObjectGroups = Object.fromEntries(resources.map((resource) => [groupKey(resource), {}]))
  for (const object of objects) (groups[groupKey(object)] ??= {})[objectKey(object)] = object
  return groups
}
