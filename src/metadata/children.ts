/** What the pure kinds see of the cluster and what they answer; nothing of Metacontroller's wire format. */
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { ConfigMap, PersistentVolumeClaim, Pod, Service } from 'kubernetes-types/core/v1.js'
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.js'
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js'
import type { Role, RoleBinding } from 'kubernetes-types/rbac/v1.js'
import type { Condition } from '../api/kubernetes.ts'

export type Child = ConfigMap | Service | StatefulSet | PodDisruptionBudget | NetworkPolicy | Role | RoleBinding

/** The parent's children as they were observed (claimed by its controller reference), and pods and volume claims by their labels. */
export interface Observed {
  readonly configMaps: readonly ConfigMap[]
  readonly services: readonly Service[]
  readonly statefulSets: readonly StatefulSet[]
  readonly podDisruptionBudgets: readonly PodDisruptionBudget[]
  readonly networkPolicies: readonly NetworkPolicy[]
  readonly roles: readonly Role[]
  readonly roleBindings: readonly RoleBinding[]
  readonly pods: readonly Pod[]
  readonly volumeClaims: readonly PersistentVolumeClaim[]
}

/** A parent whose spec is not yet parsed. `status` is the one written before, maybe stale. */
export interface Parent {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly uid?: string | undefined
    readonly generation?: number | undefined
  }
  readonly spec?: unknown
  readonly status?: { readonly [field: string]: unknown } | undefined
}

/** `resyncAfterSeconds` asks to be called again while something desired is missing (metacontroller.md 4.3). */
export interface Answer<Status> {
  readonly status: Status
  readonly children: readonly Child[]
  readonly resyncAfterSeconds?: number
}

/** A condition as a rule states it; `conditions.ts` adds the times. */
export type Verdict = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>

export function childrenOf (observed: Observed): Child[] {
  const { configMaps, services, statefulSets, podDisruptionBudgets, networkPolicies, roles, roleBindings } = observed
  return [...configMaps, ...services, ...statefulSets, ...podDisruptionBudgets, ...networkPolicies, ...roles, ...roleBindings]
}

/** Kind and name: within one parent's namespace no two children share them. */
export function nameOf ({ kind, metadata }: Child): string {
  return `${kind} ${metadata?.name}`
}

export function byName<T extends { metadata?: { name?: string } }> (objects: readonly T[], name: string): T | undefined {
  return objects.find((object) => object.metadata?.name === name)
}
