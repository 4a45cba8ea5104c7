/** What the observed children and pods say; shared by both kinds. */
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { Pod } from 'kubernetes-types/core/v1.js'
import type { Condition, Phase } from '../api/kubernetes.ts'
import type { RedisStatus } from '../api/redis.ts'
import { type Answer, byName, type Child, type Observed, type Parent, type Verdict } from '../metadata/children.ts'
import { conditions } from '../metadata/conditions.ts'
import { redisNames } from '../metadata/names.ts'
import { REDIS_PORT } from './exporter.ts'

/** While a desired child is missing no event may ever come: a foreign object holds its name, or the old CR's children go. */
export const RESYNC_SECONDS = 5

/** Only the StatefulSet's own pods: labels can be copied, a controller reference with its UID cannot be mistaken. */
export function podsOf (observed: Observed, statefulSet: StatefulSet | undefined): Pod[] {
  const uid = statefulSet?.metadata?.uid
  if (uid === undefined) return []
  return observed.pods.filter(({ metadata }) => metadata?.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid))
}

export function isReady (pod: Pod): boolean {
  if (pod.metadata?.deletionTimestamp !== undefined) return false
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}

/** Host and port inside the cluster; no cluster domain, since the hook cannot know it. */
export function endpointOf (parent: Parent, service: string, port: number): string {
  return `${service}.${parent.metadata.namespace}.svc:${port}`
}

export function missing (desired: readonly Child[], observed: Observed): string[] {
  const { configMaps, services, statefulSets, podDisruptionBudgets } = observed
  const there = [...configMaps, ...services, ...statefulSets, ...podDisruptionBudgets].map(nameOf)
  return [...new Set(desired.map(nameOf))].filter((name) => !there.includes(name))
}

function nameOf (child: Child): string {
  return `${child.kind} ${child.metadata?.name}`
}

/** `absent` are children that are desired, or will be, and are not observed. */
export function appliedVerdict (absent: readonly string[], kept: readonly string[]): Verdict {
  if (absent.length > 0) {
    const message = `Waiting for ${absent.join(', ')}. What exists under such a name and belongs to something else is left alone.`
    return { type: 'Applied', status: 'False', reason: 'ChildrenMissing', message }
  }
  if (kept.length > 0) {
    const message = `${kept.join(', ')}: a field that Kubernetes does not let change stays as it was created.`
    return { type: 'Applied', status: 'False', reason: 'ImmutableField', message }
  }
  return { type: 'Applied', status: 'True', reason: 'AllApplied', message: 'All children are as desired.' }
}

/** Names of the StatefulSets whose volume claims are no longer what the spec asks for. */
export function keptClaims (wanted: readonly StatefulSet[], observed: Observed): string[] {
  return wanted.filter((one) => {
    const there = byName(observed.statefulSets, one.metadata?.name ?? '')
    return there !== undefined && claims(there) !== claims(one)
  }).map(nameOf)
}

function claims (statefulSet: StatefulSet): string {
  return JSON.stringify(statefulSet.spec?.volumeClaimTemplates?.map(({ spec }) => [spec?.resources?.requests?.['storage'], spec?.storageClassName]) ?? [])
}

export function phaseOf (all: readonly Condition[]): Phase {
  const is = (type: string, status: string) => all.some((condition) => condition.type === type && condition.status === status)
  if (is('SpecValid', 'False')) return 'Error'
  return is('Ready', 'True') ? 'Ready' : 'Pending'
}

/** The answer to an invalid spec where nothing exists yet: no children, and why. */
export function refused (parent: Parent, verdict: Verdict, now: Date): Answer<{ phase: Phase, conditions: Condition[] }> {
  const ready: Verdict = { type: 'Ready', status: 'False', reason: 'InvalidSpec', message: 'Nothing is created until the spec is valid.' }
  return { status: { phase: 'Error', conditions: conditions(parent, [ready, verdict], now) }, children: [] }
}

export interface RedisSituation {
  readonly parent: Parent
  readonly observed: Observed
  readonly specValid: Verdict
  readonly applied: Verdict
}

export function redisStatus ({ parent, observed, specValid, applied }: RedisSituation, now: Date): RedisStatus {
  const names = redisNames(parent.metadata.name)
  const pods = podsOf(observed, byName(observed.statefulSets, names.statefulSet))
  const all = conditions(parent, [readyVerdict(pods, applied), specValid, applied], now)
  return { phase: phaseOf(all), endpoint: endpointOf(parent, names.service, REDIS_PORT), conditions: all }
}

function readyVerdict (pods: readonly Pod[], applied: Verdict): Verdict {
  if (applied.reason === 'ChildrenMissing') return { ...applied, type: 'Ready' }
  if (pods.some(isReady)) return { type: 'Ready', status: 'True', reason: 'Serving', message: 'Redis answers.' }
  return { type: 'Ready', status: 'False', reason: 'PodsNotReady', message: 'The Redis pod is not ready.' }
}
