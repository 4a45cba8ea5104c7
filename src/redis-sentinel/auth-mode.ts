/**
 * When a running cluster gets a password, its pods get it one after the other. Until the last one has it nobody may want one: those
 * without it would be shut out. From then on everybody does, for ever.
 */
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { Pod, PodSpec } from 'kubernetes-types/core/v1.js'
import type { RedisSentinelSpec } from '../api/redis-sentinel.ts'
import { byName, type Observed, type Parent } from '../metadata/children.ts'
import { redisSentinelNames } from '../metadata/names.ts'
import { podsOf } from '../redis/status.ts'
import { hasPassword } from '../redis/volumes.ts'
import type { Names } from './addresses.ts'
import type { AuthMode } from './cluster-env.ts'

/** The key in the state ConfigMap. */
export const AUTH_FACT = 'auth'

/** Undefined without a password. */
export function authMode (parent: Parent, spec: RedisSentinelSpec, observed: Observed): AuthMode | undefined {
  if (!spec.auth) return undefined
  const names = redisSentinelNames(parent.metadata.name)
  if (wasRequired(observed, names)) return 'required'
  const sets = [names.redis, names.sentinel].flatMap(({ statefulSet }) => byName(observed.statefulSets, statefulSet) ?? [])
  const isNew = sets.length === 0 && !byName(observed.configMaps, names.state)
  const haveAll = sets.length === 2 && sets.every((set) => hasEverywhere(set, podsOf(observed, set)))
  return isNew || haveAll ? 'required' : 'open'
}

/** Known twice, since it must not be forgotten. */
function wasRequired ({ configMaps }: Observed, { state, redis }: Names): boolean {
  return byName(configMaps, state)?.data?.[AUTH_FACT] === 'required' ||
    (byName(configMaps, redis.config)?.data?.['cluster.env'] ?? '').includes("AUTH='required'")
}

/** In the template, and in as many pods as there should be: one that is not observed yet may be an old one. */
function hasEverywhere ({ spec }: StatefulSet, pods: readonly Pod[]): boolean {
  const has = (pod: PodSpec | undefined) => pod !== undefined && hasPassword(pod)
  return has(spec?.template.spec) && pods.length >= (spec?.replicas ?? 0) && pods.every((pod) => has(pod.spec))
}
