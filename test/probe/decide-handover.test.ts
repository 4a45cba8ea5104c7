import fc from 'fast-check'
import t from 'tap'
import { decide, judge } from '../../src/probe/decide.ts'
import { PUBLICATION_GRACE_MS } from '../../src/probe/decide-handover.ts'
import type { Observation, Process, RedisView } from '../../src/probe/observation.ts'
import { address, dead, lastMaster, lines, master, names, NOW, observation as observed, orphanOf, redis, sentinel, slaveOf, unknown } from './observations.ts'

/** A pod that leaves does so for longer than kube-proxy takes. */
const observation: typeof observed = (pods, answers, more = {}) => observed(pods, answers, { leavingSince: NOW - 2200, ...more })
const agreed = [names(0), names(0), names(0)]
const leaving = redis(0, master, 'master', { presence: 'Leaving' })
const replicas = [redis(1, slaveOf(0), 'slave'), redis(2, slaveOf(0), 'slave')]
const paused = { paused: { uid: 'uid-0', from: NOW - 100, until: NOW + 2900, reason: 'PodLeaves' } } as const
const wished = (prioritySince: number) => [redis(0, master, 'master'), replicas[0]!, redis(2, slaveOf(0), 'slave', { priority: 50, prioritySince })]
const lagging: Process = { kind: 'slave', master: address(0), link: 'connected', offset: 99 }
const promoted = { masterSince: NOW - 5, followed: address(0) }
const asked = { asked: { address: address(0), sentinel: 'sentinel-uid-0', at: NOW - 50, answer: 'Accepted' } } as const

/** Redis 1 is the successor of 0, which follows it: its promoter is gone, and all sentinels are back with the old state. */
const successor = redis(1, master, 'master', { masterSince: NOW - 900, followed: address(0) })
const forgotten = [redis(0, slaveOf(1), 'slave'), successor, redis(2, slaveOf(1), 'slave')]
const known = lastMaster(1)

const cases: Record<string, [Observation, string[]]> = {
  'a master whose pod is being deleted: its writes are paused':
    [observation([leaving, ...replicas], agreed), ['pause redis-0 PodLeaves']],
  'one whose deletion kube-proxy may not have applied yet serves on for a moment':
    [observation([leaving, ...replicas], agreed, { leavingSince: NOW - 2100 }), []],
  'one that was seen leaving for the first time as well':
    [observation([leaving, ...replicas], agreed, { leavingSince: undefined }), []],
  'one that was deleted by force and still runs as well':
    [observation([redis(0, master, undefined, { presence: 'Gone' }), ...replicas], agreed), ['pause redis-0 PodLeaves']],
  'and it serves on for half a second, since kube-proxy has just had its turn':
    [observation([redis(0, master, undefined, { presence: 'Gone' }), ...replicas], agreed, { leavingSince: NOW - 499 }), []],
  'and not longer':
    [observation([redis(0, master, undefined, { presence: 'Gone' }), ...replicas], agreed, { leavingSince: NOW - 500 }), ['pause redis-0 PodLeaves']],
  'a replica that is linked and not fed yet would make the writes wait: the master serves on':
    [observation([{ ...leaving, process: { ...master, offset: 65_700 } as never }, ...replicas], agreed), []],
  'one that is nearly level catches up within the pause':
    [observation([{ ...leaving, process: { ...master, offset: 65_600 } as never }, ...replicas], agreed), ['pause redis-0 PodLeaves']],
  'and one that still lags a second later is not waited for':
    [observation([{ ...leaving, process: { ...master, offset: 65_700 } as never }, ...replicas], agreed, { leavingSince: NOW - 3200 }), ['pause redis-0 PodLeaves']],
  'a person wants another master, and the sentinels know whom to prefer':
    [observation(wished(NOW - 2500), agreed, { wanted: 'redis-2' }), ['pause redis-0 Switchover']],
  'they may not know it yet':
    [observation(wished(NOW - 2400), agreed, { wanted: 'redis-2' }), []],
  'paused for that: the pause does not end because the sentinels still name the old one':
    [observation(wished(NOW - 2500), agreed, { wanted: 'redis-2', paused: { ...paused.paused, reason: 'Switchover' } }), ['failover 10.0.0.0 at sentinel-0 Switchover']],
  'an attempt that failed stops the writes again a minute later, and nobody is preferred until then':
    [observation(wished(NOW - 9000), agreed, { wanted: 'redis-2', paused: { uid: 'uid-0', from: NOW - 8000, until: NOW - 5000, reason: 'Switchover' } }), ['qualify redis-2 Synchronized']],
  'a replica that leaves is no reason':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(0), 'slave', { presence: 'Leaving' }), redis(2, slaveOf(0), 'slave')], agreed), []],
  'nobody there to hand over to':
    [observation([leaving, redis(1, dead, 'slave'), redis(2, dead, 'slave')], agreed), []],
  'a replica that is not linked could be chosen':
    [observation([leaving, replicas[0]!, redis(2, orphanOf(0), 'slave')], agreed), []],
  'a silent replica that the master does not count could not':
    [observation([leaving, replicas[0]!, redis(2, unknown, 'slave')], agreed), ['pause redis-0 PodLeaves']],
  'a silent replica that the master counts could':
    [observation([{ ...leaving, process: { kind: 'master', offset: 100, replicas: [{ address: address(2), offset: 90 }] } }, replicas[0]!, redis(2, unknown, 'slave')], agreed), []],
  'a sentinel is failing over by itself':
    [observation([leaving, ...replicas], [names(0), names(0), names(0, { failingOver: true })]), []],
  'a quorum finds the master down':
    [observation([leaving, ...replicas], [names(0), names(0), names(0, { objectivelyDown: true })]), []],
  'a sentinel names another one':
    [observation([leaving, ...replicas], [names(0), names(0), names(2)]), []],
  'a failover that was asked for, and one sentinel is out of sight that may be at it':
    [observation([leaving, ...replicas], [names(0), undefined, names(0)], asked), []],
  'a failover that was asked for, and all sentinels say that none is under way':
    [observation([leaving, ...replicas], agreed, asked), ['pause redis-0 PodLeaves']],
  'the chosen sentinel is slow':
    [observation([leaving, ...replicas], [], { sentinels: [sentinel(0, undefined, true), sentinel(1, names(0)), sentinel(2, names(0))] }), []],
  'the master has no label yet: first things first':
    [observation([{ ...leaving, label: undefined }, ...replicas], agreed), ['redis-0 master MajorityNamesIt']],

  'paused, and every replica has all of it: one sentinel is told to fail over':
    [observation([leaving, ...replicas], agreed, paused), ['failover 10.0.0.0 at sentinel-0 PodLeaves']],
  'paused and asked, and the sentinel is at it':
    [observation([leaving, ...replicas], [names(0, { failingOver: true }), names(0), names(0)], { ...paused, ...asked }), []],
  'it takes so long that the pause is about to end':
    [observation([leaving, ...replicas], [names(0, { failingOver: true }), names(0), names(0)], { paused: { ...paused.paused, until: NOW + 1900 }, ...asked }), ['pause redis-0 PodLeaves']],
  'paused, and one lags':
    [observation([leaving, replicas[0]!, redis(2, lagging, 'slave')], agreed, paused), []],
  'paused, and what was asked before the pause proves nothing':
    [observation([leaving, ...replicas], agreed, { paused: { uid: 'uid-0', from: NOW + 1, until: NOW + 2500, reason: 'PodLeaves' } }), []],
  'asked for, and nobody is promoted yet':
    [observation([leaving, ...replicas], [names(0, { failingOver: true }), names(0), names(0)], { ...paused, ...asked }), []],
  'the sentinel had no figures of the replicas 0.2 s ago':
    [observation([leaving, ...replicas], agreed, { ...paused, asked: { ...asked.asked, at: NOW - 200, answer: 'NoGoodReplica' } }), ['failover 10.0.0.0 at sentinel-0 PodLeaves']],
  'paused for too long for another attempt: the pause is to end':
    [observation([leaving, ...replicas], agreed, { paused: { uid: 'uid-0', from: NOW - 2000, until: NOW + 1000, reason: 'PodLeaves' } }), []],
  'a replica says master: the former one yields before any label moves':
    [observation([leaving, redis(1, master, 'slave', promoted), redis(2, slaveOf(0), 'slave')], agreed, { ...paused, ...asked }), ['yield redis-0 10.0.0.1 Succeeded']],
  'the same when redis-prestop.sh was first with its failover':
    [observation([leaving, redis(1, master, 'slave', promoted), redis(2, slaveOf(0), 'slave')], [names(0, { failingOver: true }), names(0), names(0)], paused), ['yield redis-0 10.0.0.1 Succeeded']],
  'one that was master before the pause is no successor':
    [observation([leaving, redis(1, master, 'slave', { ...promoted, masterSince: NOW - 101 }), redis(2, slaveOf(0), 'slave')], agreed, paused), []],
  'two successors: the sentinels must settle it':
    [observation([leaving, redis(1, master, 'slave', promoted), redis(2, master, 'slave', promoted)], agreed, paused), []],
  'it yielded: the labels move, and the other replica is pointed at the new master':
    [observation([{ ...leaving, process: slaveOf(1) }, redis(1, master, 'slave', promoted), redis(2, slaveOf(0), 'slave')], agreed, { ...paused, ...asked, ...lastMaster(0) }),
      ['follow redis-2 10.0.0.1 FollowsAnotherMaster', 'redis-1 master PromotionSeen', 'redis-0 slave MasterReplaced']],
  'the same for a pod that was deleted by force, which has no label to lose':
    [observation([redis(0, slaveOf(1), undefined, { presence: 'Gone' }), redis(1, master, 'slave', promoted), redis(3, { kind: 'dead', cause: 'NotStarted' }, undefined, { address: address(0) })], agreed, lastMaster(0)),
      ['redis-1 master PromotionSeen']],
  'it took too long: the pause ends by itself, and it is not paused again at once':
    [observation([leaving, ...replicas], agreed, { paused: { uid: 'uid-0', from: NOW - 2500, until: NOW - 1, reason: 'PodLeaves' } }), []],
  'but later':
    [observation([leaving, ...replicas], agreed, { paused: { uid: 'uid-0', from: NOW - 5500, until: NOW - 3000, reason: 'PodLeaves' } }), ['pause redis-0 PodLeaves']],
  'it died while it was paused: no handover any more':
    [observation([{ ...leaving, process: dead }, redis(1, orphanOf(0), 'slave'), redis(2, orphanOf(0), 'slave')], agreed, { ...paused, ...lastMaster(0) }), ['failover 10.0.0.0 at sentinel-0 ProvenDead']],

  'no sentinel knows the promotion any more: the new master is handed over before they fail over away from it':
    [observation(forgotten, agreed, known), ['pause redis-1 NotPublished']],
  'the same while the former master is down':
    [observation([redis(0, dead, 'slave'), ...forgotten.slice(1)], agreed, known), ['pause redis-1 NotPublished']],
  'a sentinel that is silent may be the one that promoted: it has its time to publish':
    [observation(forgotten, [undefined, names(0), names(0)], known), []],
  'and then it is handed over with a majority alone':
    [observation([forgotten[0]!, { ...successor, masterSince: NOW - PUBLICATION_GRACE_MS }, forgotten[2]!], [undefined, names(0), names(0)], known), ['pause redis-1 NotPublished']],
  'a promotion seen in this very look was perhaps asked about too early':
    [observation([forgotten[0]!, { ...successor, masterSince: NOW }, forgotten[2]!], agreed, known), []],
  'a sentinel is still at it':
    [observation(forgotten, [names(0, { failingOver: true }), names(0), names(0)], known), []],
  'a sentinel has published it':
    [observation(forgotten, [names(1), names(0), names(0)], known), []],
  'paused and level: the sentinel is told to fail over from the one that it monitors':
    [observation(forgotten, agreed, { ...known, paused: { uid: 'uid-1', from: NOW - 50, until: NOW + 2000, reason: 'NotPublished' } }), ['failover 10.0.0.0 at sentinel-0 NotPublished']],
  'it chose the master that there is: writes go on':
    [observation(forgotten, [names(1, { failingOver: true, monitored: address(0) }), names(0), names(0)], { ...known, ...asked, paused: { uid: 'uid-1', from: NOW - 900, until: NOW + 9000, reason: 'NotPublished' } }),
      ['resume redis-1 ChosenItself']],
  'it chose another one: the master that there is yields':
    [observation([forgotten[0]!, successor, redis(2, master, 'slave', { masterSince: NOW - 5, followed: address(1) })], [names(0, { failingOver: true }), names(0), names(0)], { ...known, ...asked, paused: { uid: 'uid-1', from: NOW - 300, until: NOW + 9000, reason: 'NotPublished' } }),
      ['yield redis-1 10.0.0.2 Succeeded']],
}

for (const [name, [seen, expected]] of Object.entries(cases)) {
  await t.test(name, async (t) => {
    t.strictSame(lines(decide(seen)), expected)
  })
}

/** Close to a handover, with anything amiss. */
const anyReplica = (n: number): fc.Arbitrary<RedisView> => fc.record({
  process: fc.oneof(
    { weight: 6, arbitrary: fc.constant(slaveOf(0)) },
    { weight: 3, arbitrary: fc.constantFrom<Process>(lagging, master, dead, unknown, orphanOf(0), slaveOf(3)) }),
  masterSince: fc.constantFrom(NOW - 5, NOW - 5000, NOW + 1),
  followed: fc.constantFrom(address(0), address(0), address(0), address(3), undefined),
  presence: fc.constantFrom('Present', 'Present', 'Leaving'),
  priority: fc.constantFrom(undefined, 50, 50, 100),
  prioritySince: fc.constantFrom(undefined, NOW - 100, NOW - 9000),
}).map(({ process, masterSince, ...rest }) => redis(n, process, 'slave', { ...rest, masterSince: process.kind === 'master' ? masterSince : undefined }))
const anyHandover: fc.Arbitrary<Observation> = fc.record({
  presence: fc.constantFrom('Present', 'Leaving', 'Leaving', 'Gone'),
  first: fc.constantFrom<Process>(master, master, master, dead, unknown, slaveOf(1)),
  heirs: fc.tuple(anyReplica(1), anyReplica(2)),
  answers: fc.array(fc.constantFrom(names(0), names(0), names(0), names(0), undefined, names(1), names(0, { failingOver: true }), names(0, { objectivelyDown: true })), { minLength: 3, maxLength: 3 }),
  last: fc.constantFrom(0, 0, 1),
  wanted: fc.constantFrom(undefined, undefined, 'redis-0', 'redis-1', 'redis-2'),
  pause: fc.constantFrom(undefined, { uid: 'uid-0', from: NOW - 50, until: NOW + 2000, reason: 'PodLeaves' as const }, { uid: 'uid-1', from: NOW - 50, until: NOW + 2000, reason: 'NotPublished' as const }, { uid: 'uid-0', from: NOW + 1, until: NOW + 2000, reason: 'PodLeaves' as const }, { uid: 'uid-0', from: NOW - 50, until: NOW - 1, reason: 'PodLeaves' as const }),
  before: fc.constantFrom(undefined, undefined, asked.asked, { ...asked.asked, answer: 'NoGoodReplica' as const, at: NOW - 300 }),
}).map(({ presence, first, heirs, answers, last, wanted, pause, before }) =>
  observation([redis(0, first, presence === 'Gone' ? undefined : 'master', { presence }), ...heirs], answers, { ...lastMaster(last), wanted, paused: pause, asked: before }))

type Step = Extract<ReturnType<typeof decide>[number], { kind: 'pause' | 'yield' | 'resume' | 'failover' }>
const isStep = (action: ReturnType<typeof decide>[number]): action is Step =>
  ['pause', 'yield', 'resume'].includes(action.kind) || (action.kind === 'failover' && !('replicas' in action))

async function stepHolds (name: string, kind: Step['kind'], property: (seen: Observation, step: Step) => boolean): Promise<void> {
  let count = 0
  await t.test(name, async (t) => {
    fc.assert(fc.property(anyHandover, (seen) => decide(seen).filter(isStep).filter((step) => step.kind === kind).every((step) => { count += 1; return property(seen, step) })), { numRuns: 5000, seed: 20261125 })
    t.ok(count > 20, `${count} times`)
  })
}

const isPausedNow = ({ paused: now, startedAt }: Observation, { pod }: Step) => now !== undefined && now.uid === pod.uid && startedAt >= now.from && startedAt < now.until

for (const kind of ['pause', 'yield', 'failover'] as const) {
  await stepHolds(`a ${kind} is the only action of its look, and of a process that says master`, kind, (seen, { pod }) => decide(seen).length === 1 && pod.process.kind === 'master')
}

await stepHolds('only a confirmed master is paused, and no other one is there', 'pause', (seen, { pod }) => {
  const verdict = judge(seen)
  return verdict.kind === 'confirmed' && verdict.master === pod && seen.redis.every((other) => other === pod || other.process.kind !== 'master')
})

await stepHolds('a living master is failed over only while it is paused and every replica that answers has all of it', 'failover', (seen, step) => {
  const { process, address: at } = step.pod
  const others = seen.redis.filter((pod) => pod !== step.pod && pod.process.kind !== 'dead' && pod.process.kind !== 'unknown')
  return isPausedNow(seen, step) && process.kind === 'master' && others.length > 0 &&
    others.every((other) => other.process.kind === 'slave' && other.process.link === 'connected' && other.process.master === at && other.process.offset >= process.offset)
})

await stepHolds('a master yields only while it is paused, to the one that followed it and became master since', 'yield', (seen, step) => {
  const heirs = seen.redis.filter(({ process, followed, masterSince = 0 }) => process.kind === 'master' && followed === step.pod.address && masterSince >= seen.paused!.from)
  return seen.paused?.uid === step.pod.uid && heirs.length === 1 && 'master' in step && heirs[0]!.address === step.master
})
