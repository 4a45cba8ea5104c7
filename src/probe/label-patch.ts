/** The JSON patch that writes a role label. Its `test` operations make a stale view fail instead of win. */
import { ROLE_LABEL, ROLE_SINCE_ANNOTATION, type Role } from '../metadata/labels.ts'
import type { PodFacts } from './inventory.ts'

interface Operation {
  readonly op: 'test' | 'add'
  readonly path: string
  readonly value: unknown
}

export function labelPatch (pod: PodFacts, role: Role, since: string): readonly Operation[] {
  return [
    ...guards(pod),
    { op: 'add', path: `/metadata/labels/${pointer(ROLE_LABEL)}`, value: role },
    ...pod.hasAnnotations ? [] : [{ op: 'add', path: '/metadata/annotations', value: {} } as const],
    { op: 'add', path: `/metadata/annotations/${pointer(ROLE_SINCE_ANNOTATION)}`, value: since },
  ]
}

/**
 * The label's old value where there is one: the resourceVersion of a dying pod changes all the time, just when every ms counts.
 * Without a label (or annotations) there is nothing to test but the resourceVersion.
 */
function guards ({ uid, resourceVersion, label, hasAnnotations }: PodFacts): readonly Operation[] {
  if (label === undefined || !hasAnnotations) return [{ op: 'test', path: '/metadata/resourceVersion', value: resourceVersion }]
  return [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'test', path: `/metadata/labels/${pointer(ROLE_LABEL)}`, value: label },
  ]
}

/** A key as a JSON patch writes it in a path. */
export function pointer (key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
