/**
 * What Metacontroller sends (hook v2, metacontroller.md 1.3 and 1.5). Loose on purpose: it carries whole objects with
 * managedFields, and a field that a later version adds must not stop a sync.
 */
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { ConfigMap, PersistentVolumeClaim, Pod, Service } from 'kubernetes-types/core/v1.js'
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.js'
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js'
import type { Role, RoleBinding } from 'kubernetes-types/rbac/v1.js'
import { z } from 'zod'
import { Redis } from '../api/redis.ts'
import { RedisSentinel } from '../api/redis-sentinel.ts'
import type { Observed } from '../metadata/children.ts'
import { Groups } from './objects.ts'

const Controller = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    childResources: z.array(z.looseObject({ apiVersion: z.string(), resource: z.string() })).nullish().transform((some) => some ?? []),
  }),
})
export type Controller = z.infer<typeof Controller>

const syncRequest = <P extends z.ZodType>(parent: P) =>
  z.object({ controller: Controller, parent, children: Groups, related: Groups.nullish(), finalizing: z.boolean().default(false) })
const customizeRequest = <P extends z.ZodType>(parent: P) => z.object({ controller: Controller, parent })

export const RedisSyncRequest = syncRequest(Redis)
export const RedisSentinelSyncRequest = syncRequest(RedisSentinel)
export const RedisCustomizeRequest = customizeRequest(Redis)
export const RedisSentinelCustomizeRequest = customizeRequest(RedisSentinel)

/** The groups as lists, in the order of their names: the order of a Go map must not show in an answer. */
export function observed (children: Groups, related: Groups): Observed {
  return {
    configMaps: list(children, 'ConfigMap.v1') as unknown as ConfigMap[],
    services: list(children, 'Service.v1') as unknown as Service[],
    statefulSets: list(children, 'StatefulSet.apps/v1') as unknown as StatefulSet[],
    podDisruptionBudgets: list(children, 'PodDisruptionBudget.policy/v1') as unknown as PodDisruptionBudget[],
    networkPolicies: list(children, 'NetworkPolicy.networking.k8s.io/v1') as unknown as NetworkPolicy[],
    roles: list(children, 'Role.rbac.authorization.k8s.io/v1') as unknown as Role[],
    roleBindings: list(children, 'RoleBinding.rbac.authorization.k8s.io/v1') as unknown as RoleBinding[],
    pods: list(related, 'Pod.v1') as unknown as Pod[],
    volumeClaims: list(related, 'PersistentVolumeClaim.v1') as unknown as PersistentVolumeClaim[],
  }
}

function list (groups: Groups, key: string) {
  return Object.values(groups[key] ?? {}).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
}
