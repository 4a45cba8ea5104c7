/**
 * The one decision of the probe: what was seen -> what to do. Pure.
 *
 *   judge    who is the master, and how do we know
 *     Majority    a pod says ROLE master and a majority of the configured sentinels names it
 *     Promotion   the sentinels do not know it yet: the only ROLE master, that followed the last master, while that one is proven
 *                 not writable
 *   decide   judge, then
 *     handover    the master's pod is being deleted, ...               CLIENT PAUSE, an election, see decide-handover.ts
 *     publishing  a promotion that the sentinels do not name            an election without a promotion
 *     scripts     a script blocks the master                                SCRIPT KILL
 *     reinstating the named master has abdicated for one that has less     REPLICAOF NO ONE
 *     demotions   a second master while the majority's one is alive        REPLICAOF + CLIENT KILL
 *     telling     sentinels that are behind                                 the majority's hello
 *     excluding   a replica that is out of the stream of a master that goes on     replica-priority 0, until it is in it again
 *     fulfilling  the master that a person wanted is there                  its annotation is removed
 *     repointing  replicas that follow somebody else                       REPLICAOF
 *     labelling   new label first when the old master cannot write, else old label first
 *     succession  nobody is master, for the last one is proven dead or found down     an election, see decide-succession.ts
 */
import { MASTER_ROLE, REPLICA_ROLE, type Role } from '../metadata/labels.ts'
import { type Confirmation, handover, type HandoverStep } from './decide-handover.ts'
import { abdicated, type Election, hasLess, isLevel, isPerhapsDead, isStale, publication, succession, successor } from './decide-succession.ts'
import { answersOf, namedByMajority, type Observation, type RedisView, type SentinelView, voters } from './observation.ts'

export type Verdict =
  | { readonly kind: 'confirmed' } & Confirmation
  | { readonly kind: 'waiting', readonly reason: 'NoMaster' | 'SeveralMasters' | 'NotConfirmed' }

export type Action =
  | {
    readonly kind: 'label'
    readonly pod: RedisView
    readonly role: Role
    readonly reason: 'MajorityNamesIt' | 'PromotionSeen' | 'MasterReplaced' | 'ReplicaObserved' | 'SurplusMaster'
  }
  | { readonly kind: 'demote', readonly pod: RedisView, readonly master: string, readonly reason: 'NotNamedByMajority' }
  | { readonly kind: 'follow', readonly pod: RedisView, readonly master: string, readonly reason: 'FollowsAnotherMaster' }
  /** It abdicated for a successor that has less, or is none any more: it is the master again. */
  | { readonly kind: 'reinstate', readonly pod: RedisView, readonly reason: 'SuccessorHasLess' }
  /** The sentinels must not promote it. */
  | { readonly kind: 'exclude', readonly pod: RedisView, readonly reason: 'OutOfStream' }
  /** They may again; without a probe redis-ready.sh does it. */
  | { readonly kind: 'admit', readonly pod: RedisView, readonly reason: 'InStream' }
  | { readonly kind: 'fulfil', readonly pod: RedisView, readonly reason: 'SwitchedOver' }
  | { readonly kind: 'unblock', readonly pod: RedisView, readonly master: string, readonly reason: 'BlockedByScript' }
  /** The master Service leads to the replica that is about to succeed; the label follows. */
  | { readonly kind: 'lead', readonly pod: RedisView, readonly reason: 'MasterRefuses' }
  | { readonly kind: 'tell', readonly sentinel: SentinelView, readonly as: SentinelView, readonly master: string, readonly epoch: number }
  | Election
  | HandoverStep

/** From a promotion until the last sentinel publishes it: 2.7 s at the most in the lab, without a stall of the machine. */
const PUBLICATION_GRACE_MS = 3000

export function decide (seen: Observation, verdict: Verdict = judge(seen)): readonly Action[] {
  const steps = handover(seen, verdict.kind === 'confirmed' ? verdict : undefined)
  // nobody is demoted, pointed elsewhere or labelled while a master changes by plan
  if (steps) return steps
  if (verdict.kind === 'waiting') return [...scripts(seen), ...reinstating(seen), ...labellingWithoutMaster(seen), ...successions(seen)]
  // nobody gives up what the promoted one does not have
  if (verdict.by === 'Promotion' && hasLess(seen, verdict.master)) return [...reinstating(seen), ...labellingWithoutMaster(seen)]
  // nobody is led to a master that the sentinels could still replace, as long as they can be told of it
  const unpublished = verdict.by === 'Promotion' ? publication(seen, verdict.master) : undefined
  if (unpublished) return [unpublished]
  return [demotions, telling, excluding, repointing, labelling, fulfilling].flatMap((part) => part(seen, verdict))
}

export function judge (seen: Observation): Verdict {
  const masters = seen.redis.filter((pod) => pod.process.kind === 'master')
  const named = namedByMajority(seen)
  const majorityMaster = masters.find((pod) => pod.address !== undefined && pod.address === named)
  if (majorityMaster) return confirmed('Majority', majorityMaster)

  const [only, second] = masters
  if (!only) return { kind: 'waiting', reason: 'NoMaster' }
  if (second) return { kind: 'waiting', reason: 'SeveralMasters' }
  return isPromoted(only, seen, named) ? confirmed('Promotion', only) : { kind: 'waiting', reason: 'NotConfirmed' }
}

/**
 * Down-after later the sentinels would end the script as well, and promote a replica at the same time: what the former master
 * then writes until it is demoted is lost. Too late for that when they have begun.
 */
function scripts (seen: Observation): Action[] {
  const named = namedByMajority(seen)
  if (named === undefined || answersOf(seen).some(({ failingOver, subjectivelyDown }) => failingOver || subjectivelyDown)) return []
  return seen.redis
    .filter(({ process, address }) => process.kind === 'busy' && address === named)
    .map((pod) => ({ kind: 'unblock', pod, master: named, reason: 'BlockedByScript' }))
}

function reinstating (seen: Observation): Action[] {
  const pod = abdicated(seen)
  return pod ? [{ kind: 'reinstate', pod, reason: 'SuccessorHasLess' }] : []
}

function confirmed (by: Confirmation['by'], master: RedisView): Verdict {
  return { kind: 'confirmed', by, master, address: master.address ?? '' }
}

/**
 * Is the only ROLE master the successor of the last one, before the sentinels say so? It must have been in the last master's
 * stream (or be the master that we confirmed already), and nobody who may hold the office by another view may be writable.
 */
function isPromoted (candidate: RedisView, seen: Observation, named: string | undefined): boolean {
  if (candidate.address === undefined || !cannotWrite(seen, named)) return false
  const labelled = seen.redis.filter((pod) => pod.label === MASTER_ROLE && pod !== candidate)
  if (!labelled.every(isNotWritable)) return false
  if (seen.lastMaster?.uid === candidate.uid) return true
  const predecessors = labelled.length > 0 ? labelled.map((pod) => pod.address) : [seen.lastMaster?.address]
  return candidate.followed !== undefined && predecessors.includes(candidate.followed) && cannotWrite(seen, candidate.followed)
}

/** Nobody in sight who may be writable owns this address. A deleted pod carries no label, so it is out of the question. */
function cannotWrite (seen: Observation, address: string | undefined): boolean {
  return seen.redis.every((pod) => address === undefined || pod.address !== address || isNotWritable(pod))
}

function isNotWritable ({ process }: RedisView): boolean {
  return process.kind === 'slave' || process.kind === 'dead'
}

type Confirmed = Extract<Verdict, { kind: 'confirmed' }>

/**
 * A second master is a zombie only when no promotion can be under way: REPLICAOF sent to a replica that was promoted a moment ago
 * makes a replication cycle. So either every sentinel was asked after it was first seen as master, and names the other one; or its
 * promotion, had it been one, would have been published long since.
 */
function demotions (seen: Observation, { by, master, address }: Confirmed): Action[] {
  if (by !== 'Majority' || isFailingOver(seen, address)) return []
  const unanimous = answersOf(seen).filter(({ named }) => named === address).length === seen.sentinelReplicas
  const isZombie = ({ masterSince = seen.startedAt }: RedisView) =>
    (unanimous && masterSince < seen.startedAt) || seen.startedAt - masterSince >= PUBLICATION_GRACE_MS
  return seen.redis
    .filter((pod) => pod !== master && pod.process.kind === 'master' && isZombie(pod))
    .map((pod) => ({ kind: 'demote', pod, master: address, reason: 'NotNamedByMajority' }))
}

function isFailingOver (seen: Observation, address: string): boolean {
  return answersOf(seen).some(({ failingOver, monitored, named }) => failingOver && monitored === address && named === address)
}

/** min-replicas-to-write keeps a new master closed until a replica follows it, and sentinel takes a second to point the others at it. */
function repointing (seen: Observation, { by, address }: Confirmed): Action[] {
  // A sentinel that is ahead of the majority has a reason: never pull a replica back to yesterday's master.
  const undisputed = !isFailingOver(seen, address) && answersOf(seen).every(({ named }) => named === address)
  return seen.redis.flatMap((pod) => {
    if (pod.process.kind !== 'slave' || pod.process.master === address) return []
    const mayRepoint = by === 'Majority' ? undisputed : cannotWrite(seen, pod.process.master)
    return mayRepoint ? [{ kind: 'follow', pod, master: address, reason: 'FollowsAnotherMaster' } as const] : []
  })
}

/** They pass it on among themselves every two seconds; a client that asks them should not wait for that. */
function telling (seen: Observation, { by, address }: Confirmed): Action[] {
  if (by !== 'Majority') return []
  const informed = voters(seen).filter(({ answer, address: own }) => answer?.named === address && own !== undefined)
  const epoch = Math.max(0, ...informed.map(({ answer }) => answer?.configEpoch ?? 0))
  const [as] = informed
  if (!as) return []
  return voters(seen)
    .filter(({ answer }) => answer && answer.named !== address && answer.configEpoch < epoch && !answer.failingOver)
    .map((sentinel) => ({ kind: 'tell', sentinel, as, master: address, epoch }))
}

/** For as long as a replica has a link or had one a moment ago, they promote it when they find the master down: it may lack anything. */
function excluding (seen: Observation, { by, address, master }: Confirmed): Action[] {
  if (by !== 'Majority' || isFailingOver(seen, address)) return []
  const present = { masterAt: seen.startedAt, lastMaster: { uid: master.uid, address }, marks: seen.marks }
  return seen.redis.flatMap((pod): Action[] => {
    const { priority = -1 } = pod.process.kind === 'slave' ? pod.process : {}
    if (priority > 0 && isStale(pod, present)) return [{ kind: 'exclude', pod, reason: 'OutOfStream' }]
    return priority === 0 && isLevel(pod, master, seen.marks) ? [{ kind: 'admit', pod, reason: 'InStream' }] : []
  })
}

/** When the sentinels know it too, so that they do not change it again. */
function fulfilling ({ wanted }: Observation, { by, master }: Confirmed): Action[] {
  return by === 'Majority' && master.pod === wanted && master.label === MASTER_ROLE ? [{ kind: 'fulfil', pod: master, reason: 'SwitchedOver' }] : []
}

/** At no instant do two pods that may be writable carry the master label. */
function labelling (seen: Observation, { by, master }: Confirmed): Action[] {
  const deposed = seen.redis.filter((pod) => pod !== master && pod.label === MASTER_ROLE)
  const replaced = (pods: RedisView[]) => pods.map((pod) => label(pod, REPLICA_ROLE, 'MasterReplaced'))
  const crowned = master.label === MASTER_ROLE || master.presence === 'Gone' ? [] : [label(master, MASTER_ROLE, by === 'Majority' ? 'MajorityNamesIt' : 'PromotionSeen')]
  return [
    ...replaced(deposed.filter((pod) => !isNotWritable(pod))),
    // kube-proxy applies changes only once a second: where it is safe, the one that clients wait for goes first.
    ...crowned,
    ...replaced(deposed.filter(isNotWritable)),
    ...replicas(seen),
  ]
}

function successions (seen: Observation): Action[] {
  if (!seen.mayElect) return []
  const next = succession(seen)
  if (next.kind === 'elect') return [next]
  const heir = next.obstacle === 'MasterNotProvenDead' && isPerhapsDead(seen) && successor(seen, seen.lastMaster?.address ?? '')
  return heir && heir.process.kind === 'slave' && heir.process.link !== 'connected' ? [{ kind: 'lead', pod: heir, reason: 'MasterRefuses' }] : []
}

/** Nobody is confirmed: the label stays where it is, for there is nobody better; only a surplus one goes. */
function labellingWithoutMaster (seen: Observation): Action[] {
  const labelled = seen.redis.filter((pod) => pod.label === MASTER_ROLE)
  const keep = labelled.find((pod) => !isNotWritable(pod)) ?? labelled[0]
  const surplus = labelled.filter((pod) => pod !== keep && isNotWritable(pod))
  return [...surplus.map((pod) => label(pod, REPLICA_ROLE, 'SurplusMaster')), ...replicas(seen)]
}

function replicas (seen: Observation): Action[] {
  return seen.redis
    .filter((pod) => pod.process.kind === 'slave' && pod.presence !== 'Gone' && pod.label !== REPLICA_ROLE && pod.label !== MASTER_ROLE)
    .map((pod) => label(pod, REPLICA_ROLE, 'ReplicaObserved'))
}

type LabelAction = Extract<Action, { kind: 'label' }>

function label (pod: RedisView, role: Role, reason: LabelAction['reason']): LabelAction {
  return { kind: 'label', pod, role, reason }
}
