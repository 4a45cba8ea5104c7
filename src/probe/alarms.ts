/** What a person should know of one RedisSentinel after a look: Events, and the words of sentinels that cannot reach a quorum. */
import { QUORUM_ANNOTATION } from '../metadata/labels.ts'
import { hasStatus } from './api-client.ts'
import type { ClusterFacts } from './cluster-facts.ts'
import type { Verdict } from './decide.ts'
import { createQuorumWatch, type QuorumNote } from './decide-quorum.ts'
import { createStrangerWatch } from './decide-strangers.ts'
import { succession } from './decide-succession.ts'
import type { ClusterView } from './inventory.ts'
import { pointer } from './label-patch.ts'
import type { Memory, Observation } from './observation.ts'
import { PATCH_DEADLINE_MS, type PerformDeps } from './perform.ts'
import type { KubeObject } from './reflector.ts'

interface Looked {
  readonly seen: Observation
  readonly verdict: Verdict
  readonly memory: Memory
  readonly view: ClusterView
  readonly subject: ClusterFacts
  /** For how long something has been amiss. */
  readonly unsettledMs: number
}

/** After this without a master, besides down-after, somebody should know. */
const ALARM_MS = 15_000

export function createAlarms (deps: PerformDeps): (looked: Looked) => void {
  const { publishEvent } = deps
  const newStrangers = createStrangerWatch()
  const quorumNotes = createQuorumWatch()

  return (looked) => {
    const { seen, verdict, memory, subject, unsettledMs } = looked
    if (seen.wanted !== undefined && seen.redis.every(({ pod }) => pod !== seen.wanted)) {
      publishEvent(subject, 'SwitchoverImpossible', `no redis pod is called ${seen.wanted}`)
    }
    for (const { pod, stranger } of seen.redis) {
      if (stranger === undefined) continue
      const message = `the redis at the IP of pod ${pod} announces ${stranger}: it is not this pod's, and is left alone`
      publishEvent(subject, 'ForeignRedis', message)
    }
    for (const address of newStrangers(seen)) {
      publishEvent(subject, 'StrangerReplica', `${address} follows the master and is no pod of this RedisSentinel: see docs/volumes.md`)
    }
    for (const note of quorumNotes(seen)) noteQuorum(note, looked, deps).catch(() => {})
    if (verdict.kind === 'confirmed' || !memory.lastMaster || unsettledMs <= ALARM_MS + subject.downAfterMilliseconds) return
    publishEvent(subject, 'NoMaster', `no master can be confirmed (${reasonsOf(seen, verdict)}); the label stays where it is`)
  }
}

function reasonsOf (seen: Observation, { reason }: Extract<Verdict, { kind: 'waiting' }>): string {
  if (reason !== 'NoMaster') return reason
  const next = succession(seen)
  if (next.kind === 'elect') return `${reason}, ${seen.election?.outcome ?? 'FailoverUnderWay'}`
  return `${reason}, ${next.obstacle === 'LeftToSentinels' ? seen.election?.outcome ?? next.obstacle : next.obstacle}`
}

/** Never rejects: the next look tries again what was not written. */
async function noteQuorum ({ pod, uid, note }: QuorumNote, { view, subject }: Looked, deps: PerformDeps): Promise<void> {
  const { api, log, putPod, mayAct } = deps
  const facts = view.pods.find((candidate) => candidate.uid === uid)
  if (!facts) return
  const path = `/metadata/annotations/${pointer(QUORUM_ANNOTATION)}`
  const write = note === undefined ? { op: 'remove', path } : { op: 'add', path, value: note }
  try {
    putPod(await api.request<KubeObject>('PATCH', `/api/v1/namespaces/${subject.namespace}/pods/${pod}`, {
      body: [
        { op: 'test', path: '/metadata/uid', value: uid },
        ...facts.hasAnnotations ? [] : [{ op: 'add', path: '/metadata/annotations', value: {} }],
        write,
      ],
      contentType: 'application/json-patch+json',
      deadlineMs: PATCH_DEADLINE_MS,
      mayStart: mayAct,
    }))
    log.info({ namespace: subject.namespace, pod, note }, 'quorum noted')
  } catch (err) {
    if (!hasStatus(err, 404, 409, 422)) log.warn({ namespace: subject.namespace, pod, err }, 'quorum not noted')
  }
}
