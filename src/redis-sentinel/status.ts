/** Status of a RedisSentinel, from observed children and pods alone. */
import type { Pod } from 'kubernetes-types/core/v1.js'
import type { RedisSentinelSpec, RedisSentinelStatus } from '../api/redis-sentinel.ts'
import { byName, type Observed, type Parent, type Verdict } from '../metadata/children.ts'
import { conditions } from '../metadata/conditions.ts'
import { MASTER_ROLE, QUORUM_ANNOTATION, ROLE_LABEL, ROLE_SINCE_ANNOTATION } from '../metadata/labels.ts'
import { redisSentinelNames } from '../metadata/names.ts'
import { endpointOf, inOrder, isReady, phaseOf, podsOf, toldOf, troubleOf } from '../redis/status.ts'
import { MASTER_PORT, SENTINEL_PORT } from './services.ts'

export interface Situation {
  readonly parent: Parent
  readonly spec: RedisSentinelSpec
  readonly observed: Observed
  readonly verdicts: readonly Verdict[]
  readonly applied: Verdict
}

interface Pods {
  readonly redis: readonly Pod[]
  readonly sentinel: readonly Pod[]
}

export function redisSentinelStatus ({ parent, spec, observed, verdicts, applied }: Situation, now: Date): RedisSentinelStatus {
  const names = redisSentinelNames(parent.metadata.name)
  const pods: Pods = {
    redis: podsOf(observed, byName(observed.statefulSets, names.redis.statefulSet)),
    sentinel: podsOf(observed, byName(observed.statefulSets, names.sentinel.statefulSet)),
  }
  const available = availableVerdict(masters(pods.redis))
  const all = conditions(parent, [
    readyVerdict(spec, pods, available, applied), available, ...inOrder(verdicts, applied), quorumVerdict(spec, pods.sentinel),
  ], now)
  return {
    phase: phaseOf(all),
    endpoint: endpointOf(parent, names.master, MASTER_PORT),
    sentinelEndpoint: endpointOf(parent, names.sentinel.service, SENTINEL_PORT),
    ...toldOf(spec, names.binding, 'live'),
    ...masterFields(parent, masters(pods.redis)),
    redisReady: counted(pods.redis, spec.redisReplicas),
    sentinelReady: counted(pods.sentinel, spec.sentinelReplicas),
    conditions: all,
  }
}

/** The pods that carry the master's label. */
export function masters (pods: readonly Pod[]): Pod[] {
  return pods.filter(({ metadata }) => metadata?.labels?.[ROLE_LABEL] === MASTER_ROLE)
}

/** The time stays when there is no master for a moment: it is when the last one was found. */
function masterFields (parent: Parent, [master, second]: readonly Pod[]): Pick<RedisSentinelStatus, 'master' | 'lastRoleUpdateTime'> {
  const before = parent.status?.['lastRoleUpdateTime']
  const since = master?.metadata?.annotations?.[ROLE_SINCE_ANNOTATION] ?? (typeof before === 'string' ? before : undefined)
  const name = second ? undefined : master?.metadata?.name
  return { ...(name !== undefined && { master: name }), ...(since !== undefined && { lastRoleUpdateTime: since }) }
}

function counted (pods: readonly Pod[], wanted: number): string {
  return `${pods.filter(isReady).length}/${wanted}`
}

function availableVerdict (labelled: readonly Pod[]): Verdict {
  const names = labelled.map(({ metadata }) => metadata?.name).sort().join(' and ')
  const verdict = (status: 'True' | 'False', reason: string, message: string): Verdict => ({ type: 'Available', status, reason, message })
  if (labelled.length === 0) return verdict('False', 'NoMaster', 'No pod carries the master label.')
  if (labelled.length > 1) return verdict('False', 'SeveralMasters', `${names} carry the master label.`)
  return verdict('True', 'MasterKnown', `${names} is master.`)
}

/**
 * Can the sentinels replace a master? By readiness, which says that one answers, and by what each says of its quorum. It is no part of
 * Ready: the service works without, until the master fails.
 */
function quorumVerdict ({ sentinelReplicas }: RedisSentinelSpec, pods: readonly Pod[]): Verdict {
  const verdict = (status: 'True' | 'False', reason: string, message: string): Verdict => ({ type: 'Quorum', status, reason, message })
  const ready = pods.filter(isReady).toSorted((a, b) => (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1)
  const said = ready.flatMap(({ metadata }) => {
    const note = metadata?.annotations?.[QUORUM_ANNOTATION]
    return note === undefined ? [] : [`${metadata?.name}: ${note}`]
  })
  if (ready.length * 2 <= sentinelReplicas) return verdict('False', 'SentinelsNotReady', `${counted(pods, sentinelReplicas)} sentinel pods are ready.`)
  if ((ready.length - said.length) * 2 <= sentinelReplicas) return verdict('False', 'NoQuorum', said[0]?.replace(/\.?$/, '.') ?? '')
  return verdict('True', 'SentinelsAble', 'A majority of the sentinels is ready, and reports no lack of a quorum.')
}

function readyVerdict (spec: RedisSentinelSpec, pods: Pods, available: Verdict, applied: Verdict): Verdict {
  if (applied.reason === 'ChildrenMissing') return { ...applied, type: 'Ready' }
  if (available.status === 'False') return { ...available, type: 'Ready', message: `${available.message}${troubleOf([...pods.redis, ...pods.sentinel])}` }
  const notReady = [
    ...short('redis', pods.redis, spec.redisReplicas),
    ...short('sentinel', pods.sentinel, spec.sentinelReplicas),
  ]
  if (notReady.length > 0) {
    const message = `${notReady.join(' and ')} pods are ready.${troubleOf([...pods.redis, ...pods.sentinel])}`
    return { type: 'Ready', status: 'False', reason: 'PodsNotReady', message }
  }
  return { type: 'Ready', status: 'True', reason: 'Serving', message: 'All pods are ready and the master is known.' }
}

function short (component: string, pods: readonly Pod[], wanted: number): string[] {
  return pods.filter(isReady).length < wanted ? [`${counted(pods, wanted)} ${component}`] : []
}
