import fc from 'fast-check'
import t from 'tap'
import { decide, judge } from '../../src/probe/decide.ts'
import type { Observation, Process, RedisView } from '../../src/probe/observation.ts'
import { address, dead, lastMaster, lines, master, names, NOW, observation as observed, orphanOf, redis, slaveOf, unknown } from './observations.ts'

/** A pod that leaves does so for longer than kube-proxy takes. */
const observation: typeof observed = (pods, answers, more = {}) => observed(pods, answers, { leavingSince: NOW - 2200, ...lastMaster(0), ...more })
const agreed = [names(0), names(0), names(0)]
const leaving = redis(0, master, 'master', { presence: 'Leaving' })
const replicas = [redis(1, slaveOf(0), 'slave'), redis(2, slaveOf(0), 'slave')]
const paused = { paused: { uid: 'uid-0', from: NOW - 100, until: NOW + 2400, reason: 'PodLeaves' } } as const
const wished = [redis(0, master, 'master'), ...replicas]
const lagging: Process = { kind: 'slave', master: address(0), link: 'connected', offset: 99 }
const failed = { election: { epoch: 4, predecessor: address(0), at: NOW - 20, outcome: 'NotElected', failures: 2 } } as const

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
  'a person wants another master':
    [observation(wished, agreed, { wanted: 'redis-2' }), ['pause redis-0 Switchover']],
  'the wanted one has lost its link to the master: it may lack anything, whatever the sentinels know of it':
    [observation([redis(0, master, 'master'), replicas[0]!, redis(2, orphanOf(0), 'slave')], agreed, { wanted: 'redis-2' }), []],
  'the wanted one is silent':
    [observation([redis(0, master, 'master'), replicas[0]!, redis(2, unknown, 'slave')], agreed, { wanted: 'redis-2' }), []],
  'paused for that: nobody else will do':
    [observation([redis(0, master, 'master'), replicas[0]!, redis(2, lagging, 'slave')], agreed, { wanted: 'redis-2', paused: { ...paused.paused, reason: 'Switchover' } }), []],
  'and when it has all of it, it is elected':
    [observation(wished, agreed, { wanted: 'redis-2', paused: { ...paused.paused, reason: 'Switchover' } }), ['elect redis-2 for 10.0.0.0 in 2 Switchover']],
  'an attempt that failed stops the writes again a minute later':
    [observation(wished, agreed, { wanted: 'redis-2', paused: { uid: 'uid-0', from: NOW - 8000, until: NOW - 5000, reason: 'Switchover' } }), []],
  'a replica that leaves is no reason':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(0), 'slave', { presence: 'Leaving' }), redis(2, slaveOf(0), 'slave')], agreed), []],
  'nobody there to hand over to':
    [observation([leaving, redis(1, dead, 'slave'), redis(2, dead, 'slave')], agreed), []],
  'a replica that is not linked is not chosen, and keeps nobody':
    [observation([leaving, replicas[0]!, redis(2, orphanOf(0), 'slave')], agreed), ['pause redis-0 PodLeaves']],
  'nor does a silent one':
    [observation([{ ...leaving, process: { kind: 'master', offset: 100, replicas: [{ address: address(2), offset: 90 }] } }, replicas[0]!, redis(2, unknown, 'slave')], agreed), ['pause redis-0 PodLeaves']],
  'a sentinel is failing over by itself':
    [observation([leaving, ...replicas], [names(0), names(0), names(0, { failingOver: true })]), []],
  'a sentinel names another one':
    [observation([leaving, ...replicas], [names(0), names(0), names(2)]), []],
  'no majority to vote':
    [observation([leaving, ...replicas], [names(0), undefined, undefined]), []],
  'elections failed a moment ago':
    [observation([leaving, ...replicas], agreed, failed), []],
  'the master has no label yet: first things first':
    [observation([{ ...leaving, label: undefined }, ...replicas], agreed), ['redis-0 master MajorityNamesIt']],
  'a probe that only follows does not begin':
    [observation([leaving, ...replicas], agreed, { mayElect: false }), []],

  'paused, and a replica has all of it: it is elected':
    [observation([leaving, ...replicas], agreed, paused), ['elect redis-1 for 10.0.0.0 in 2 PodLeaves']],
  'one that is updated already comes first':
    [observation([leaving, replicas[0]!, redis(2, slaveOf(0), 'slave', { revision: 'b' })], agreed, paused), ['elect redis-2 for 10.0.0.0 in 2 PodLeaves']],
  'one that lags is left out':
    [observation([leaving, redis(1, lagging, 'slave'), replicas[1]!], agreed, paused), ['elect redis-2 for 10.0.0.0 in 2 PodLeaves']],
  'all lag: the writes wait':
    [observation([leaving, redis(1, lagging, 'slave'), redis(2, lagging, 'slave')], agreed, paused), []],
  'what was asked before the pause proves nothing':
    [observation([leaving, ...replicas], agreed, { paused: { uid: 'uid-0', from: NOW + 1, until: NOW + 2500, reason: 'PodLeaves' } }), []],
  'no votes a moment ago: the writes wait':
    [observation([leaving, ...replicas], agreed, { ...paused, ...failed }), []],
  'and a moment later it is tried again':
    [observation([leaving, ...replicas], agreed, { ...paused, election: { ...failed.election, at: NOW - 50 } }), ['elect redis-1 for 10.0.0.0 in 260 PodLeaves']],
  'too little is left of the pause for votes and a promotion: the writes go on':
    [observation([leaving, ...replicas], agreed, { paused: { uid: 'uid-0', from: NOW - 601, until: NOW + 1899, reason: 'PodLeaves' } }), ['resume redis-0 NoSuccessorInTime']],
  'and it is not paused again at once':
    [observation([leaving, ...replicas], agreed, { paused: { uid: 'uid-0', from: NOW - 2500, until: NOW - 1, reason: 'PodLeaves' } }), []],
  'but later':
    [observation([leaving, ...replicas], agreed, { paused: { uid: 'uid-0', from: NOW - 5500, until: NOW - 3000, reason: 'PodLeaves' } }), ['pause redis-0 PodLeaves']],
  'it died while it was paused: no handover any more':
    [observation([{ ...leaving, process: dead }, redis(1, orphanOf(0), 'slave'), redis(2, orphanOf(0), 'slave')], agreed, paused), ['elect redis-1 for 10.0.0.0 in 2 ProvenDead']],
  'it follows its successor, of whom no sentinel has heard: they are told':
    [observation([{ ...leaving, process: slaveOf(1) }, redis(1, master, 'slave', { masterSince: NOW - 5, followed: address(0) }), redis(2, slaveOf(0), 'slave')], agreed, paused),
      ['elect redis-1 for 10.0.0.0 in 2 NotPublished']],
  'and when they know: the labels move, and the other replica is pointed at the new master':
    [observation([{ ...leaving, process: slaveOf(1) }, redis(1, master, 'slave', { masterSince: NOW - 5, followed: address(0) }), redis(2, slaveOf(0), 'slave')], [names(1), names(1), names(1)]),
      ['follow redis-2 10.0.0.1 FollowsAnotherMaster', 'redis-1 master MajorityNamesIt', 'redis-0 slave MasterReplaced']],
  'a successor that was promoted and not published is a second master when the pause is over':
    [observation([leaving, redis(1, master, 'slave', { masterSince: NOW - 900, followed: address(0) }), redis(2, slaveOf(0), 'slave')], agreed, { paused: { uid: 'uid-0', from: NOW - 2500, until: NOW - 1, reason: 'PodLeaves' } }),
      ['demote redis-1 10.0.0.0 NotNamedByMajority']],
}

for (const [name, [seen, expected]] of Object.entries(cases)) {
  await t.test(name, async (t) => {
    t.strictSame(lines(decide(seen)), expected)
  })
}

await t.test('a pause is half of down-after, and three seconds at most', async (t) => {
  const pauses = [500, 5000, 60_000].map((downAfterMilliseconds) => decide(observation([leaving, ...replicas], agreed, { downAfterMilliseconds })))
  t.strictSame(pauses.flat().map((step) => step.kind === 'pause' ? step.ms : step.kind), [250, 2500, 3000])
})

/** Close to a handover, with anything amiss. */
const anyReplica = (n: number): fc.Arbitrary<RedisView> => fc.record({
  process: fc.oneof(
    { weight: 6, arbitrary: fc.constant(slaveOf(0)) },
    { weight: 3, arbitrary: fc.constantFrom<Process>(lagging, master, dead, unknown, orphanOf(0), slaveOf(3)) }),
  masterSince: fc.constantFrom(NOW - 5, NOW - 5000, NOW + 1),
  followed: fc.constantFrom(address(0), address(0), address(0), address(3), undefined),
  presence: fc.constantFrom('Present', 'Present', 'Leaving'),
}).map(({ process, masterSince, ...rest }) => redis(n, process, 'slave', { ...rest, masterSince: process.kind === 'master' ? masterSince : undefined }))
const anyHandover: fc.Arbitrary<Observation> = fc.record({
  presence: fc.constantFrom('Present', 'Leaving', 'Leaving', 'Gone'),
  first: fc.constantFrom<Process>(master, master, master, dead, unknown, slaveOf(1)),
  heirs: fc.tuple(anyReplica(1), anyReplica(2)),
  answers: fc.array(fc.constantFrom(names(0), names(0), names(0), names(0), undefined, names(1), names(0, { failingOver: true }), names(0, { subjectivelyDown: true })), { minLength: 3, maxLength: 3 }),
  last: fc.constantFrom(0, 0, 1),
  wanted: fc.constantFrom(undefined, undefined, 'redis-0', 'redis-1', 'redis-2'),
  pause: fc.constantFrom(undefined, { uid: 'uid-0', from: NOW - 50, until: NOW + 2000, reason: 'PodLeaves' as const }, { uid: 'uid-0', from: NOW - 50, until: NOW + 2000, reason: 'Switchover' as const }, { uid: 'uid-0', from: NOW - 1990, until: NOW + 10, reason: 'PodLeaves' as const }, { uid: 'uid-0', from: NOW + 1, until: NOW + 2000, reason: 'PodLeaves' as const }, { uid: 'uid-0', from: NOW - 50, until: NOW - 1, reason: 'PodLeaves' as const }),
  before: fc.constantFrom(undefined, undefined, failed.election, { ...failed.election, at: NOW - 90_000 }),
}).map(({ presence, first, heirs, answers, last, wanted, pause, before }) =>
  observation([redis(0, first, presence === 'Gone' ? undefined : 'master', { presence }), ...heirs], answers, { ...lastMaster(last), wanted, paused: pause, election: before }))

type Action = ReturnType<typeof decide>[number]
type Step = Extract<Action, { kind: 'pause' | 'resume' | 'elect' }>
const isStep = (action: Action): action is Step => action.kind === 'pause' || action.kind === 'resume' || (action.kind === 'elect' && action.former !== undefined)

async function stepHolds (name: string, kind: Step['kind'], property: (seen: Observation, step: Step) => boolean): Promise<void> {
  let count = 0
  await t.test(name, async (t) => {
    fc.assert(fc.property(anyHandover, (seen) => decide(seen).filter(isStep).filter((step) => step.kind === kind).every((step) => { count += 1; return property(seen, step) })), { numRuns: 5000, seed: 20261125 })
    t.ok(count > 20, `${count} times`)
  })
}

const formerOf = (step: Step) => step.kind === 'elect' ? step.former! : step.pod

for (const kind of ['pause', 'resume', 'elect'] as const) {
  await stepHolds(`${kind} is the only action of its look, and the former one says master`, kind, (seen, step) => decide(seen).length === 1 && formerOf(step).process.kind === 'master')
}

await stepHolds('only a confirmed master is paused, and no other one is there', 'pause', (seen, { pod }) => {
  const verdict = judge(seen)
  return verdict.kind === 'confirmed' && verdict.master === pod && seen.redis.every((other) => other === pod || other.process.kind !== 'master')
})

await stepHolds('a living master is succeeded only while it is paused, by one that hears it and has all of it', 'elect', (seen, step) => {
  const { process, address: at, uid } = formerOf(step)
  const heir = step.pod.process
  const { paused: now, startedAt } = seen
  return now?.uid === uid && startedAt >= now.from && startedAt < now.until && process.kind === 'master' &&
    heir.kind === 'slave' && heir.link === 'connected' && heir.master === at && step.pod.followed === at && heir.offset >= process.offset
})

await stepHolds('and by the one that a person wants, if it is for that', 'elect', (seen, { pod, reason }) => reason !== 'Switchover' || pod.pod === seen.wanted)
