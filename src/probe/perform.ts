/** Carries out what `decide` decided on one RedisSentinel. */
import type { Logger } from 'pino'
import { GROUP, REDIS_SENTINEL, VERSION } from '../api/group.ts'
import { SWITCHOVER_ANNOTATION } from '../metadata/labels.ts'
import { type ApiClient, hasStatus } from './api-client.ts'
import type { Action } from './decide.ts'
import type { Election } from './decide-succession.ts'
import type { EventReason, PublishEvent, Subject } from './events.ts'
import { holdElection } from './hold-election.ts'
import type { ClusterView, Inventory } from './inventory.ts'
import { pointer } from './label-patch.ts'
import type { Metrics } from './metrics.ts'
import type { Memory, PausedMaster } from './observation.ts'
import type { RedisLink } from './redis-link.ts'
import type { SentinelLink } from './sentinel-link.ts'
import { labelInOrder, type Labelling, publish } from './write-labels.ts'

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
  readonly sentinels: () => readonly SentinelLink[]
  readonly remember: (news: Partial<Memory>) => void
  /** The pause that is in force now. */
  readonly paused: () => PausedMaster | undefined
  /** Elections in a row that failed. */
  readonly failures: () => number
  readonly sentinelReplicas: number
  /** The pods whose label is being written, by uid. */
  readonly underWay: Set<string>
}

type Fulfilment = Extract<Action, { kind: 'fulfil' }>
type Telling = Extract<Action, { kind: 'tell' }>
type Leading = Extract<Action, { kind: 'lead' }>
type Command = Exclude<Action, Labelling | Election | Fulfilment | Telling | Leading>

export const PATCH_DEADLINE_MS = 2000

/** Resolves to whether all of it succeeded. */
export async function perform (actions: readonly Action[], target: Target, deps: PerformDeps): Promise<boolean> {
  const labellings = actions.filter((action) => action.kind === 'label')
  const others = actions.filter((action) => action.kind !== 'label')
  const results = await Promise.all([
    labelInOrder(labellings, target, deps),
    ...others.map((action) => performOne(action, target, deps)),
  ])
  return results.every(Boolean)
}

async function performOne (action: Exclude<Action, Labelling>, target: Target, deps: PerformDeps): Promise<boolean> {
  const { kind } = action
  if (kind === 'fulfil') return fulfil(action, target, deps)
  if (kind === 'elect') return elect(action, target, deps)
  if (kind === 'tell') return tell(action, target, deps)
  if (kind !== 'lead') return command(action, target, deps)
  // not waited for: the next look must see the proof of the death
  publish(action.pod.uid, target, deps).catch(() => {})
  return true
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

async function carryOut (action: Command, link: RedisLink, target: Target, { now }: PerformDeps): Promise<void> {
  switch (action.kind) {
    case 'demote': return link.demote(action.master)
    case 'follow': return link.follow(action.master)
    case 'unblock': return link.unblock()
    case 'reinstate': return link.reinstate()
    case 'exclude': return link.exclude()
    case 'admit': return link.admit()
    case 'pause': {
      const asked = now()
      await link.pause(action.ms)
      // what was written before the answer is in the offset that is asked for after it
      target.remember({ paused: { uid: action.pod.uid, from: now(), until: asked + action.ms, reason: action.reason } })
      return
    }
    case 'resume':
      await link.resume()
      target.remember({ paused: shortened(target.paused(), now()) })
  }
}

/** It is over, and remembered: the next attempt waits. */
function shortened (paused: PausedMaster | undefined, now: number): PausedMaster | undefined {
  return paused && { ...paused, until: now }
}

async function tell (action: Telling, { sentinelLink, subject }: Target, { log, mayAct }: PerformDeps): Promise<boolean> {
  const { sentinel, as, master, epoch } = action
  const link = sentinelLink(sentinel.uid)
  if (!link || as.address === undefined || !mayAct()) return false
  const told = await link.hello({ from: { id: as.id, address: as.address }, master, epoch })
  log.info({ namespace: subject.namespace, sentinel: sentinel.pod, master, epoch, told }, 'sentinel told of the master')
  return told
}

/** Somebody who asks for another one meanwhile is not overlooked: only what was asked for is removed. */
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
    if (!stale) log.warn({ namespace, name, err }, 'switchover annotation not removed')
    return stale
  }
  log.info({ namespace, pod, reason }, 'switchover is done')
  return true
}

function eventOf (action: Command): [EventReason, string] | undefined {
  const { pod: { pod } } = action
  switch (action.kind) {
    case 'demote': return ['ZombieDemoted', `pod ${pod} was a second master and follows ${action.master} now`]
    case 'follow': return ['ReplicaRepointed', `pod ${pod} follows the new master ${action.master}`]
    case 'unblock': return ['ScriptKilled', `a script that blocked the master ${pod} was ended`]
    case 'reinstate':
    case 'exclude':
    case 'admit':
    case 'pause':
    case 'resume': return undefined
  }
}

/** Whether it is held again, and when, is decided by what is remembered of it. */
async function elect (election: Election, target: Target, deps: PerformDeps): Promise<boolean> {
  const { log, metrics, now, mayAct } = deps
  const { pod, predecessor, former, epoch, reason } = election
  const { namespace, name } = target.subject
  if (!mayAct()) return false
  // Nobody can write to a replica, so it may be found there a moment before its promotion: kube-proxy needs that moment.
  if (!former && reason !== 'NotPublished') publish(pod.uid, target, deps).catch(() => {})
  const at = now()
  const { outcome, votes, error, behind } = await holdElection(election, target, deps)
  const isAccepted = outcome === 'Accepted'
  target.remember({
    election: { epoch, predecessor, at, outcome, failures: isAccepted ? 0 : target.failures() + 1 },
    // The former one may end before it is seen as a replica; one that was deleted by force is not reached again.
    ...isAccepted && { lastMaster: { uid: pod.uid, address: pod.address ?? '' }, paused: undefined },
  })
  metrics.failovers.inc({ namespace, name, cause: reason, answer: outcome })
  const fields = { namespace, pod: pod.pod, predecessor, epoch, votes, of: target.sentinelReplicas, reason, outcome }
  log[isAccepted ? 'info' : 'warn']({ ...fields, ...error !== undefined && { err: error } }, 'election held')
  if (behind !== undefined) log.warn({ ...fields, behind }, 'the master has written while it was handed over, and goes on as master')
  if (isAccepted) announceElection(election, votes, target, deps)
  return isAccepted
}

function announceElection (election: Election, votes: number, target: Target, { publishEvent }: PerformDeps): void {
  const { pod: { pod }, predecessor, former, reason } = election
  const by = `by ${votes} of ${target.sentinelReplicas} votes`
  const say = (event: EventReason, message: string) => publishEvent(target.subject, event, message)
  switch (reason) {
    case 'ProvenDead': return say('FailoverForced', `master ${predecessor} is dead, pod ${pod} was promoted ${by}`)
    case 'FoundDown': return say('FailoverForced', `master ${predecessor} is silent and found down, pod ${pod} was promoted ${by}`)
    case 'LastResort':
      return say('LastResortPromotion', `master ${predecessor} is dead and the sentinels did not act, pod ${pod} was promoted ${by}`)
    case 'PodLeaves':
    case 'Switchover': return say('HandedOver', `pod ${former?.pod} has handed over to ${pod}, with all writes`)
    case 'NotPublished':
  }
}

function announce ({ subject }: Target, { publishEvent }: PerformDeps, reason: EventReason, message: string): void {
  publishEvent(subject, reason, message)
}
