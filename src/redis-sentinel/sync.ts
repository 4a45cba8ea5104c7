/** RedisSentinel: parent and observed children -> desired children and status. Start reading here. */
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { ConfigMap } from 'kubernetes-types/core/v1.js'
import { type RedisSentinel, redisSentinelProblems, RedisSentinelSpec, type RedisSentinelStatus } from '../api/redis-sentinel.ts'
import { prune } from '../metadata/canonical.ts'
import { type Answer, byName, type Child, type Observed, type Parent } from '../metadata/children.ts'
import { redisSentinelNames } from '../metadata/names.ts'
import { keepImmutable, SETTINGS_ANNOTATION } from '../redis/pod.ts'
import { secretAccess } from '../redis/secret-access.ts'
import { resolveSpec, stateConfigMap } from '../redis/state.ts'
import { appliedVerdict, differing, missing, podsOf, refused, RESYNC_SECONDS, rolling } from '../redis/status.ts'
import { claimsVerdict } from '../redis/volume-claims.ts'
import { hasPassword } from '../redis/volumes.ts'
import { type Addresses, addresses, complete, type Names } from './addresses.ts'
import { AUTH_FACT, authMode } from './auth-mode.ts'
import { configMaps, type Members } from './config-maps.ts'
import { identity } from './identity.ts'
import { networkPoliciesOf } from './network-policies.ts'
import { podDisruptionBudget } from './pod-disruption-budgets.ts'
import { podServices, sharedServices } from './services.ts'
import { redisStatefulSet, sentinelStatefulSet } from './stateful-sets.ts'
import { masters, redisSentinelStatus } from './status.ts'

export function syncRedisSentinel (parent: RedisSentinel | Parent, observed: Observed, now: Date): Answer<RedisSentinelStatus> {
  const names = redisSentinelNames(parent.metadata.name)
  const { spec, verdicts } = resolveSpec(parent, observed, names.state, RedisSentinelSpec, redisSentinelProblems)
  if (!spec) return refused(parent, verdicts, now)

  const auth = authMode(parent, spec, observed)
  const known = knownMembers(spec, observed, names)
  const members = known && { ...known, auth }
  const configs = members ? configMaps(parent, spec, members) : observedConfigs(observed, names)
  const statefulSets = statefulSetsOf(parent, spec, observed, members !== undefined)
  const children: Child[] = [...prune([
    ...configs,
    stateConfigMap(parent, names.state, identity(parent, 'redis'), spec, { ...remembered(observed, names), ...(auth === 'required' && { [AUTH_FACT]: auth }) }),
    ...sharedServices(parent, spec),
    ...podServices(parent, observed, 'redis', spec.redisReplicas),
    ...podServices(parent, observed, 'sentinel', spec.sentinelReplicas),
    podDisruptionBudget(parent, 'redis'),
    podDisruptionBudget(parent, 'sentinel'),
    ...secretAccess({
      name: names.secretAccess,
      namespace: parent.metadata.namespace,
      identity: identity(parent, 'redis'),
      read: [spec.auth?.secretName, spec.tls?.secretName],
      written: spec.binding?.enable ? names.binding : undefined,
    }),
  ]), ...networkPoliciesOf(parent, spec), ...startable(statefulSets, configs.length === 2, members !== undefined, observed)]
  const absent = missing([...children, ...statefulSets], observed)
  const otherwise = differing(children, observed)
  const claims = claimsVerdict(statefulSets, observed)
  const applied = appliedVerdict({ absent, otherwise, claims, rolling: rolling(statefulSets, observed) })
  return {
    status: redisSentinelStatus({ parent, spec, observed, verdicts, applied }, now),
    children,
    ...(absent.length + otherwise.length > 0 && { resyncAfterSeconds: RESYNC_SECONDS }),
  }
}

/** All members with their addresses; undefined while one address is missing. */
function knownMembers (spec: RedisSentinelSpec, observed: Observed, names: Names): Members | undefined {
  const redis: Addresses = addresses(observed, names, 'redis', spec.redisReplicas)
  const sentinels: Addresses = addresses(observed, names, 'sentinel', spec.sentinelReplicas)
  return complete(redis) && complete(sentinels) ? { redis, sentinels, lastMaster: lastMasterAddress(observed, names) } : undefined
}

/** The ConfigMaps as they are; none before the first ones. */
function observedConfigs (observed: Observed, names: Names): ConfigMap[] {
  return (['redis', 'sentinel'] as const).flatMap((component) => {
    const there = byName(observed.configMaps, names[component].config)
    if (!there) return []
    const { name, namespace, labels } = there.metadata ?? {}
    // the label that Metacontroller adds itself is not ours to answer
    const { 'controller-uid': _, ...own } = labels ?? {}
    const metadata = { ...(name !== undefined && { name }), ...(namespace !== undefined && { namespace }), labels: own }
    return [{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: there.data ?? {} }]
  })
}

/** Without the ConfigMaps that say how it begins (auth-mode.ts) no running cluster gets a password. */
function statefulSetsOf (parent: Parent, spec: RedisSentinelSpec, observed: Observed, current: boolean): StatefulSet[] {
  return [redisStatefulSet, sentinelStatefulSet].map((build) => {
    const desired = build(parent, spec)
    const there = byName(observed.statefulSets, desired.metadata?.name ?? '')?.spec?.template.spec
    return prune(current || !there || hasPassword(there) ? desired : build(parent, { ...spec, auth: undefined }))
  })
}

/** New ones when there is a configuration for them; pods that run go on running (design 3.4). */
function startable (
  statefulSets: readonly StatefulSet[], configured: boolean, current: boolean, observed: Observed
): StatefulSet[] {
  return statefulSets.flatMap((desired) => {
    const there = byName(observed.statefulSets, desired.metadata?.name ?? '')
    if (!there) return configured ? [desired] : []
    return [keepImmutable(current ? desired : asConfigured(desired, there), there)]
  })
}

/** While the ConfigMaps stay as they are: no pod that is not in them, and no restart that would read the old ones again. */
function asConfigured (desired: StatefulSet, { spec: there }: StatefulSet): StatefulSet {
  if (!desired.spec || !there) return desired
  const { template } = desired.spec
  const settings = there.template.metadata?.annotations?.[SETTINGS_ANNOTATION]
  const annotations = { ...template.metadata?.annotations, ...(settings !== undefined && { [SETTINGS_ANNOTATION]: settings }) }
  const metadata = { ...template.metadata, annotations }
  return { ...desired, spec: { ...desired.spec, replicas: there.replicas ?? 1, template: { ...template, metadata } } }
}

/** The one labelled pod, or the last one: who was master last knows most after all went down together (sentinel.md 2.4). */
function lastMaster (observed: Observed, names: Names): string | undefined {
  const [master, second] = masters(podsOf(observed, byName(observed.statefulSets, names.redis.statefulSet)))
  if (master && !second) return master.metadata?.name
  return byName(observed.configMaps, names.state)?.data?.['lastMaster']
}

function lastMasterAddress (observed: Observed, names: Names): string | undefined {
  const pod = lastMaster(observed, names)
  return pod === undefined ? undefined : byName(observed.services, pod)?.spec?.clusterIP
}

function remembered (observed: Observed, names: Names): Record<string, string> {
  const pod = lastMaster(observed, names)
  return pod === undefined ? {} : { lastMaster: pod }
}
