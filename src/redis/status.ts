/** What the observed children and pods say; shared by both kinds. */
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { Pod } from 'kubernetes-types/core/v1.js'
import { configStatus } from '../api/config.ts'
import type { Condition, Phase } from '../api/kubernetes.ts'
import type { RedisSpec, RedisStatus } from '../api/redis.ts'
import { type Answer, byName, type Child, childrenOf, nameOf, type Observed, type Parent, type Verdict } from '../metadata/children.ts'
import { conditions } from '../metadata/conditions.ts'
import { difference } from '../metadata/difference.ts'
import { redisNames } from '../metadata/names.ts'
import { REDIS_PORT } from './exporter.ts'

/** While a desired child is missing or otherwise no event may ever come: a foreign object holds its name, or the API server refuses it. */
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

/** Waiting for these is a matter of seconds. */
const STARTING = ['ContainerCreating', 'PodInitializing']

/** What keeps the first of these pods from starting, as a sentence with a space before it; empty when Kubernetes says nothing. */
export function troubleOf (pods: readonly Pod[]): string {
  for (const pod of pods.toSorted((a, b) => (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1)) {
    const trouble = unscheduled(pod) ?? unstartable(pod)
    if (trouble !== undefined) return ` ${pod.metadata?.name}: ${trouble.replace(/\.?$/, '.')}`
  }
  return ''
}

function unscheduled ({ status }: Pod): string | undefined {
  const condition = status?.conditions?.find((one) => one.type === 'PodScheduled' && one.status === 'False')
  return condition && (condition.message ?? condition.reason)
}

/** Its reason alone: the message counts back-offs, and would be a new status each time. */
function unstartable ({ status }: Pod): string | undefined {
  const containers = [...status?.initContainerStatuses ?? [], ...status?.containerStatuses ?? []]
  return containers.flatMap(({ name, state }) => {
    const reason = state?.waiting?.reason
    return reason === undefined || STARTING.includes(reason) ? [] : [`container ${name} waits with ${reason}`]
  })[0]
}

/** Host and port inside the cluster; no cluster domain, since the hook cannot know it. */
export function endpointOf (parent: Parent, service: string, port: number): string {
  return `${service}.${parent.metadata.namespace}.svc:${port}`
}

export function missing (desired: readonly Child[], observed: Observed): string[] {
  const there = new Set(childrenOf(observed).map(nameOf))
  return [...new Set(desired.map(nameOf))].filter((name) => !there.has(name))
}

/**
 * The children that are there and not as desired, each with the first field that is otherwise. ConfigMaps are left out: nobody refuses
 * them, and they change with each failover.
 */
export function differing (desired: readonly Child[], observed: Observed): string[] {
  const there = new Map(childrenOf(observed).map((child) => [nameOf(child), child]))
  return desired.filter(({ kind }) => kind !== 'ConfigMap').flatMap((child) => {
    const name = nameOf(child)
    const field = there.has(name) ? difference(child, there.get(name)) : undefined
    return field === undefined ? [] : [`${name} (${field})`]
  })
}

export interface Deviations {
  /** Children that are desired, or will be, and are not observed. */
  readonly absent: readonly string[]
  readonly otherwise: readonly string[]
  /** Volume claims that are not as desired: volume-claims.ts. */
  readonly claims: Verdict | undefined
  /** Pods that are still as they were: rolling. */
  readonly rolling: readonly string[]
}

/** What the StatefulSet controller has yet to do, as parts of a sentence: the StatefulSet itself is as desired long before its pods. */
export function rolling (desired: readonly StatefulSet[], observed: Observed): string[] {
  return desired.flatMap(({ metadata, spec }) => {
    const updated = updatedPods(byName(observed.statefulSets, metadata?.name ?? ''))
    const wanted = spec?.replicas ?? 0
    return updated !== undefined && updated < wanted ? [`${updated} of ${wanted} pods of ${metadata?.name} are as desired`] : []
  })
}

/** Undefined: the controller has not told yet. A field that is zero is not written. */
function updatedPods ({ metadata, status }: StatefulSet = {}): number | undefined {
  const { observedGeneration = 0, updatedReplicas = 0 } = status ?? {}
  if (!status) return undefined
  return observedGeneration < (metadata?.generation ?? 0) ? 0 : updatedReplicas
}

/** The API server's refusals are events of the parent; a child that is not as desired is what the hook can see of one. */
export function appliedVerdict ({ absent, otherwise, claims, rolling: late }: Deviations): Verdict {
  const unapplied = (reason: string, message: string): Verdict => ({ type: 'Applied', status: 'False', reason, message })
  if (absent.length > 0) {
    return unapplied('ChildrenMissing', `Waiting for ${absent.join(', ')}. What exists under such a name and belongs to something else is left alone; ` +
      'what the API server refuses is in the events of this object.')
  }
  if (otherwise.length > 0) {
    return unapplied('ChildrenDiffer', `Being changed: ${otherwise.join(', ')}. If it stays so the API server refuses the change: see the events of this object.`)
  }
  if (claims) return claims
  if (late.length > 0) return unapplied('RollingOut', `${late.join(', ')}. If it stays so see what Ready says.`)
  return { type: 'Applied', status: 'True', reason: 'AllApplied', message: 'All children are as desired.' }
}

export function phaseOf (all: readonly Condition[]): Phase {
  const is = (type: string, status: string) => all.some((condition) => condition.type === type && condition.status === status)
  if (is('SpecValid', 'False')) return 'Error'
  return is('Ready', 'True') ? 'Ready' : 'Pending'
}

/** The answer to an invalid spec where nothing exists yet: no children, and why. */
export function refused (parent: Parent, verdicts: readonly Verdict[], now: Date): Answer<{ phase: Phase, conditions: Condition[] }> {
  const ready: Verdict = { type: 'Ready', status: 'False', reason: 'InvalidSpec', message: 'Nothing is created until the spec is valid.' }
  return { status: { phase: 'Error', conditions: conditions(parent, [ready, ...verdicts], now) }, children: [] }
}

type Told = Pick<RedisStatus, 'binding' | 'config'>

/** What of the spec the status repeats for programs: the Secret for applications, and how directives take effect. */
export function toldOf ({ binding, config }: Pick<RedisSpec, 'binding' | 'config'>, secret: string, all: 'live' | 'restart'): Told {
  const told = configStatus(config, all)
  return { ...(binding?.enable && { binding: { name: secret } }), ...(told && { config: told }) }
}

/** SpecValid, Applied, and what is only sometimes there. */
export function inOrder ([specValid, ...more]: readonly Verdict[], applied: Verdict): Verdict[] {
  return [...(specValid ? [specValid] : []), applied, ...more]
}

export interface RedisSituation {
  readonly parent: Parent
  readonly spec: RedisSpec
  readonly observed: Observed
  /** Of the spec: state.ts. */
  readonly verdicts: readonly Verdict[]
  readonly applied: Verdict
}

export function redisStatus ({ parent, spec, observed, verdicts, applied }: RedisSituation, now: Date): RedisStatus {
  const names = redisNames(parent.metadata.name)
  const pods = podsOf(observed, byName(observed.statefulSets, names.statefulSet))
  const all = conditions(parent, [readyVerdict(pods, applied), ...inOrder(verdicts, applied)], now)
  const endpoint = endpointOf(parent, names.service, REDIS_PORT)
  return { phase: phaseOf(all), endpoint, ...toldOf(spec, names.binding, 'restart'), conditions: all }
}

function readyVerdict (pods: readonly Pod[], applied: Verdict): Verdict {
  if (applied.reason === 'ChildrenMissing') return { ...applied, type: 'Ready' }
  if (pods.some(isReady)) return { type: 'Ready', status: 'True', reason: 'Serving', message: 'Redis answers.' }
  return { type: 'Ready', status: 'False', reason: 'PodsNotReady', message: `The Redis pod is not ready.${troubleOf(pods)}` }
}
