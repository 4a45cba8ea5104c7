/** Carries out what `decide` decided on one cluster: commands at once, labels one after the other, for their order is the point. */
import type { Logger } from 'pino'
import { GROUP, REDIS_SENTINEL, VERSION } from '../api/group.ts'
import { MASTER_ROLE, SWITCHOVER_ANNOTATION } from '../metadata/labels.ts'
import { type ApiClient, hasStatus } from './api-client.ts'
import type { Action } from './decide.ts'
import type { Failover, LivingReplica } from './decide-failover.ts'
import type { HandoverStep } from './decide-handover.ts'
import { publishEndpoint } from './endpoints.ts'
import type { EventReason, PublishEvent, Subject } from './events.ts'
import type { ClusterView, Inventory, PodFacts } from './inventory.ts'
import { labelPatch, pointer } from './label-patch.ts'
import type { Metrics } from './metrics.ts'
import type { Memory, PausedMaster } from './observation.ts'
import type { RedisLink } from './redis-link.ts'
import type { KubeObject } from './reflector.ts'
import type { SentinelLink } from './sentinel-link.ts'

export interface PerformDeps {
  readonly api: ApiClient
  readonly log: Logger
  readonly metrics: Metrics
  readonly publishEvent: PublishEvent
  readonly putPod: Inventory['putPod']
  readonly putSlice: Inventory['putSlice']
  readonly now: () => number
  readonly date: () => Date
  /** Asked again before each write: a Lease that ran out in between stops the rest. */
  readonly mayAct: () => boolean
}

export interface Target {
  readonly view: ClusterView
  readonly subject: Subject
  readonly redisLink: (uid: string) => RedisLink | undefined
  readonly sentinelLink: (uid: string) => SentinelLink | undefined
  readonly remember: (news: Partial<Memory>) => void
  /** The pause that is in force now. */
  readonly paused: () => PausedMaster | undefined
}

type Labelling = Extract<Action, { kind: 'label' }>
type ForcedFailover = Failover | Extract<HandoverStep, { kind: 'failover' }>
type Fulfilment = Extract<Action, { kind: 'fulfil' }>
type Command = Exclude<Action, Labelling | ForcedFailover | Fulfilment>

const PATCH_DEADLINE_MS = 2000
/** Until every replica has all: a pause that ends by itself, so that nobody has to end one of redis-prestop.sh. */
const PAUSE_MS = 3000
/** After SENTINEL FAILOVER: what was accepted may still happen, and then each write to the former master is lost. */
const PROMOTION_PAUSE_MS = 10_000

/** Resolves to whether all of it succeeded. */
export async function perform (actions: readonly Action[], target: Target, deps: PerformDeps): Promise<boolean> {
  const labellings = actions.filter((action) => action.kind === 'label')
  const commands = actions.filter((action) => action.kind !== 'label')
  const results = await Promise.all([
    labelInOrder(labellings, target, deps),
    ...commands.map((action) => {
      if (action.kind === 'fulfil') return fulfil(action, target, deps)
      return action.kind === 'failover' ? forceFailover(action, target, deps) : command(action, target, deps)
    }),
  ])
  return results.every(Boolean)
}

async function labelInOrder (labellings: readonly Labelling[], target: Target, deps: PerformDeps): Promise<boolean> {
  const crowned = Math.max(labellings.findIndex(({ role }) => role === MASTER_ROLE), 0)
  const successor = labellings[crowned]?.role === MASTER_ROLE ? labellings[crowned].pod.uid : undefined
  // Before the old label goes: a Service without endpoints would be the change that makes kube-proxy deaf for a second.
  if (successor !== undefined) await publish(successor, target, deps)
  // A label that could not be taken away must not be given to another pod: the first failure ends the run.
  for (const action of labellings.slice(0, crowned)) if (!deps.mayAct() || !await writeLabel(action, target, deps)) return false
  // What comes after the new master's is no condition of it, and in between the Service leads to the old master as well.
  const together = labellings.slice(crowned)
  const results = await Promise.all(together.map((action) => deps.mayAct() && writeLabel(action, target, deps)))
  // The controller may have seen the new label before the old one went, and looks again a second later.
  if (successor !== undefined && labellings.length > 1 && results.every(Boolean)) await publish(successor, target, deps)
  return results.every(Boolean)
}

async function writeLabel (action: Labelling, target: Target, deps: PerformDeps): Promise<boolean> {
  const { api, log, metrics, now, date, putPod } = deps
  const { pod: { pod, uid, masterSince }, role, reason } = action
  const facts = target.view.pods.find((candidate) => candidate.uid === uid)
  if (!facts) return false
  const fields = { namespace: facts.namespace, pod, role, reason }
  try {
    const answer = await api.request<KubeObject>('PATCH', `/api/v1/namespaces/${facts.namespace}/pods/${pod}`, {
      body: labelPatch(facts, role, rfc3339(date())),
      contentType: 'application/json-patch+json',
      lane: 'urgent',
      deadlineMs: PATCH_DEADLINE_MS,
      mayStart: deps.mayAct,
    })
    putPod(answer)
  } catch (err) {
    return patchFailed(err, fields, deps)
  }
  metrics.patches.inc({ result: 'ok' })
  if (role !== MASTER_ROLE) {
    log.info(fields, 'role label written')
    return true
  }
  const lag = now() - (masterSince ?? now())
  metrics.labelLag.observe(lag / 1000)
  metrics.masterChanges.inc({ namespace: facts.namespace, name: target.subject.name, reason })
  log.info({ ...fields, lagMs: Math.round(lag) }, 'role label written')
  announce(target, deps, 'MasterChanged', `pod ${pod} is the master now (${reason})`)
  return true
}

/** Never rejects: when it fails, the label does the same a little later. */
async function publish (uid: string, { subject, view }: Target, deps: PerformDeps): Promise<void> {
  const pod = view.pods.find((candidate) => candidate.uid === uid)
  if (!pod) return
  try {
    await publishEndpoint(deps, view.sliceFor(pod), subject.name, pod, deps.mayAct)
  } catch (err) {
    deps.log.debug({ namespace: pod.namespace, pod: pod.name, err }, 'slice not written')
  }
}

function patchFailed (err: unknown, fields: object, { log, metrics }: PerformDeps): boolean {
  // A pod that is gone carries no label: what was to be taken away is away.
  if (hasStatus(err, 404)) {
    metrics.patches.inc({ result: 'gone' })
    log.info(fields, 'pod to be labelled is gone')
    return true
  }
  const stale = hasStatus(err, 409, 422)
  metrics.patches.inc({ result: stale ? 'stale' : 'error' })
  if (stale) log.info(fields, 'role label changed meanwhile, looking again')
  else log.warn({ ...fields, err }, 'role label not written')
  return false
}

async function command (action: Command, target: Target, deps: PerformDeps): Promise<boolean> {
  const { log, metrics, mayAct } = deps
  const { kind, pod: { pod, uid }, reason } = action
  const link = target.redisLink(uid)
  if (!link || !mayAct()) return false
  const fields = { namespace: target.subject.namespace, pod, ...'master' in action && { master: action.master }, reason }
  try {
    await carryOut(action, link, target, deps)
  } catch (err) {
    metrics.commands.inc({ command: kind, result: 'error' })
    log.warn({ ...fields, command: kind, err }, 'command refused or lost')
    return false
  }
  metrics.commands.inc({ command: kind, result: 'ok' })
  log.info({ ...fields, command: kind }, 'command carried out')
  const event = eventOf(action)
  if (event) announce(target, deps, ...event)
  return true
}

async function carryOut (action: Command, link: RedisLink, target: Target, deps: PerformDeps): Promise<void> {
  switch (action.kind) {
    case 'demote': return link.demote(action.master)
    case 'yield':
      await link.demote(action.master)
      // It may end before it could be seen as a replica; one that was deleted by force is not reached again.
      target.remember({ lastMaster: { uid: action.successor.uid, address: action.master } })
      return
    case 'follow': return link.follow(action.master)
    case 'unblock': return link.unblock()
    case 'qualify': return link.qualify(action.priority)
    case 'pause': return pause(action, link, PAUSE_MS, target, deps)
    case 'resume':
      await link.resume()
      target.remember({ paused: undefined })
  }
}

/** Somebody who asks for another one meanwhile is not overlooked: only what was asked for is taken away. */
async function fulfil ({ pod: { pod }, reason }: Fulfilment, { subject }: Target, { api, log, mayAct }: PerformDeps): Promise<boolean> {
  const { namespace, name } = subject
  const path = `/metadata/annotations/${pointer(SWITCHOVER_ANNOTATION)}`
  try {
    await api.request('PATCH', `/apis/${GROUP}/${VERSION}/namespaces/${namespace}/${REDIS_SENTINEL.plural}/${name}`, {
      body: [{ op: 'test', path, value: pod }, { op: 'remove', path }],
      contentType: 'application/json-patch+json',
      lane: 'urgent',
      deadlineMs: PATCH_DEADLINE_MS,
      mayStart: mayAct,
    })
  } catch (err) {
    const stale = hasStatus(err, 404, 409, 422)
    if (!stale) log.warn({ namespace, name, err }, 'switchover annotation not taken away')
    return stale
  }
  log.info({ namespace, pod, reason }, 'switchover is done')
  return true
}

type Pausing = Pick<Extract<HandoverStep, { kind: 'pause' }>, 'pod' | 'reason'>

/** A pause that is in force becomes longer. */
async function pause (action: Pausing, link: RedisLink, ms: number, { remember, paused }: Target, { now }: PerformDeps): Promise<void> {
  const asked = now()
  const { pod: { uid }, reason } = action
  const before = paused()
  await link.pause(ms)
  remember({ paused: { uid, from: before?.uid === uid ? before.from : now(), until: asked + ms, reason } })
}

function eventOf (action: Command): [EventReason, string] | undefined {
  const { pod: { pod } } = action
  switch (action.kind) {
    case 'demote': return ['ZombieDemoted', `pod ${pod} was a second master and follows ${action.master} now`]
    case 'follow': return ['ReplicaRepointed', `pod ${pod} follows the new master ${action.master}`]
    case 'unblock': return ['ScriptKilled', `a script that blocked the master ${pod} was ended`]
    case 'yield': return ['HandedOver', `pod ${pod} has handed over to ${action.master}, with all writes`]
    case 'qualify':
    case 'pause':
    case 'resume': return undefined
  }
}

/** Whether it is asked again, and when, is decided by what is remembered of it. */
async function forceFailover (action: ForcedFailover, target: Target, deps: PerformDeps): Promise<boolean> {
  const { log, metrics, mayAct, now } = deps
  const { pod: { pod }, master, sentinel, reason } = action
  const link = target.sentinelLink(sentinel.uid)
  if (!link || !mayAct() || !await staysPaused(action, PAUSE_MS, target, deps)) return false
  const replicas = isOfDead(action) ? action.replicas : new Map<string, LivingReplica>()
  if (!await equalOrLearned(replicas, link)) return false
  const at = now()
  const { answer, choice } = await link.forceFailover(replicas)
  target.remember({ asked: { address: master, sentinel: sentinel.uid, at, answer } })
  if (answer !== 'NoGoodReplica') await staysPaused(action, PROMOTION_PAUSE_MS, target, deps)
  metrics.failovers.inc({ namespace: target.subject.namespace, name: target.subject.name, cause: reason, answer })
  const chosen = redisAt(choice, target.view)
  const level = answer === 'NoGoodReplica' ? 'debug' : 'info'
  log[level]({ namespace: target.subject.namespace, pod, master, sentinel: sentinel.pod, reason, answer, choice: chosen?.name }, 'failover asked for')
  if (answer === 'Accepted' && isOfDead(action)) announceSuccession(action, chosen, target, deps)
  return true
}

async function equalOrLearned (replicas: ReadonlyMap<string, LivingReplica>, link: SentinelLink): Promise<boolean> {
  return new Set([...replicas.values()].map(({ offset }) => offset)).size <= 1 || link.learn(replicas)
}

function redisAt (address: string | undefined, { pods, addressOf }: ClusterView): PodFacts | undefined {
  return pods.find((pod) => pod.component === 'redis' && address !== undefined && addressOf(pod) === address)
}

/**
 * The master Service leads to the chosen replica before it is promoted, for the kubelet's report of the dead container comes soon, and
 * kube-proxy would apply it first and the new master a second later. A wrong guess refuses writes until the label is there.
 */
function announceSuccession (action: Failover, chosen: PodFacts | undefined, target: Target, deps: PerformDeps): void {
  const { pod: { pod }, sentinel, reason } = action
  // not waited for: the next look must see the promotion
  if (chosen?.ip !== undefined) publish(chosen.uid, target, deps).catch(() => {})
  if (reason === 'ProvenDead') announce(target, deps, 'FailoverForced', `master ${pod} is dead, ${sentinel.pod} promotes a replica`)
  else announce(target, deps, 'LastResortPromotion', `master ${pod} is dead and the sentinels did not act, ${sentinel.pod} alone promotes a replica`)
}

function isOfDead (action: ForcedFailover): action is Failover {
  return action.reason === 'ProvenDead' || action.reason === 'LastResort'
}

/** A living master must not take a write from the moment when its replicas had all until it follows its successor. */
async function staysPaused (action: ForcedFailover, ms: number, target: Target, deps: PerformDeps): Promise<boolean> {
  if (isOfDead(action)) return true
  const { uid } = action.pod
  const link = target.redisLink(uid)
  if (!link || target.paused()?.uid !== uid) return false
  return pause(action, link, ms, target, deps).then(() => true, () => false)
}

function announce ({ subject }: Target, { publishEvent }: PerformDeps, reason: EventReason, message: string): void {
  publishEvent(subject, reason, message)
}

function rfc3339 (date: Date): string {
  return date.toISOString().replace(/\.\d+/, '')
}
