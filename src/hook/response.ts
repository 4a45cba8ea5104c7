/** What Metacontroller accepts (metacontroller.md 1.4 and 1.5), and the check of an own answer before it is sent. */
import type { Child } from '../metadata/children.ts'
import type { Controller } from './request.ts'

export interface SyncResponse {
  readonly status: object
  readonly children: readonly Child[]
  readonly resyncAfterSeconds?: number
}

export interface RelatedRule {
  readonly apiVersion: string
  readonly resource: string
  readonly namespace: string
  readonly labelSelector: { readonly matchLabels: Record<string, string> }
}

export interface CustomizeResponse {
  readonly relatedResources: readonly RelatedRule[]
}

const PLURALS: Record<string, string> = {
  ConfigMap: 'configmaps',
  NetworkPolicy: 'networkpolicies',
  PodDisruptionBudget: 'poddisruptionbudgets',
  Role: 'roles',
  RoleBinding: 'rolebindings',
  Service: 'services',
  StatefulSet: 'statefulsets',
}

/**
 * Throws where an answer would do harm: a null child crashes Metacontroller (1.2), a kind that its CompositeController
 * does not declare is created and never updated or deleted (1.4), of two children of one name only the last counts.
 */
export function checkResponse (response: SyncResponse, controller: Controller, namespace: string): SyncResponse {
  const declared = new Set(controller.spec.childResources.map(({ apiVersion, resource }) => `${apiVersion}/${resource}`))
  const names = new Set<string>()
  for (const { apiVersion, kind, metadata } of response.children) {
    const resource = `${apiVersion}/${PLURALS[kind ?? '']}`
    const name = `${kind} ${metadata?.namespace}/${metadata?.name}`
    if (!declared.has(resource)) throw new Error(`CompositeController ${controller.metadata.name} does not declare ${resource}`)
    if (metadata?.namespace !== namespace) throw new Error(`${name} is outside of the parent's namespace ${namespace}`)
    if (names.has(name)) throw new Error(`${name} is desired twice`)
    names.add(name)
  }
  const hole = pathOfNull(response)
  if (hole !== undefined) throw new Error(`the answer holds null at .${hole.join('.')}`)
  return response
}

/** Keys down to the first null or undefined; undefined when there is none. Echoed claim templates may hold what the API server wrote. */
function pathOfNull (value: object): string[] | undefined {
  for (const key of Object.keys(value)) {
    const inner = (value as Record<string, unknown>)[key]
    if (inner === null || inner === undefined) return [key]
    if (typeof inner !== 'object' || key === 'volumeClaimTemplates') continue
    const found = pathOfNull(inner)
    if (found) return [key, ...found]
  }
  return undefined
}
