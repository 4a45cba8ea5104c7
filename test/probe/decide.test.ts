import t from 'tap'
import { decide } from '../../src/probe/decide.ts'
import type { Observation, Process } from '../../src/probe/observation.ts'
import { abdicated, address, busy, dead, lastMaster, lines, master, names, NOW, observation, orphanOf, redis, slaveOf, unknown } from './observations.ts'

const agreed = [names(0), names(0), names(0)]
const promoted = { masterSince: NOW - 10, followed: address(0) }

/** Without a link, and with such a replica-priority. */
const inStream = (offset: number, priority: number): Process => ({ kind: 'slave', master: address(0), link: 'connected', offset, priority })
const mark = (ago: number, offset: number) => ({ at: NOW - ago, offset, of: 'uid-0' })
const marked = { marks: [mark(3001, 90), mark(500, 95)] }
const ofHistory = (process: Process, history: string) => ({ ...process, history }) as Process
const unlinked = (priority: number): Process => ({ kind: 'slave', master: address(0), link: 'connect', offset: 100, priority })

const cases: Record<string, [Observation, string[]]> = {
  'a healthy, labelled cluster needs nothing':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(0), 'slave')], agreed), []],
  'first bootstrap waits for a majority, and labels replicas meanwhile':
    [observation([redis(0, master), redis(1, slaveOf(0))], []), ['redis-1 slave ReplicaObserved']],
  'one sentinel of three is no majority, even when it is the only one that answers':
    [observation([redis(0, master)], [names(0)]), []],
  'two of three are a majority':
    [observation([redis(0, master)], [names(0), undefined, names(0)]), ['redis-0 master MajorityNamesIt']],
  'the majority is one of the configured sentinels, not of the pods that are left':
    [observation([redis(0, master)], [names(0), names(0)], { sentinelReplicas: 5 }), []],
  'a sentinel beyond the configured number has no vote':
    [observation([redis(0, master)], [names(0), undefined, undefined, names(0)]), []],
  'a master whose Service was not seen yet has no address that anybody could name':
    [observation([redis(0, master, undefined, { address: undefined })], agreed), []],
  'the majority names a pod that does not say master: wait':
    [observation([redis(0, slaveOf(1), 'slave'), redis(1, unknown, 'master')], agreed), []],

  'a promoted replica of the dead master: the sentinels are told first':
    [observation([redis(0, dead, 'master'), redis(1, master, 'slave', promoted), redis(2, slaveOf(0), 'slave')], agreed),
      ['elect redis-1 for 10.0.0.0 in 2 NotPublished']],
  'the same while a sentinel that promoted it takes its second to say so':
    [observation([redis(0, dead, 'master'), redis(1, master, 'slave', promoted)], [names(0, { failingOver: true }), names(0), names(0)]),
      ['elect redis-1 for 10.0.0.0 in 2 NotPublished']],
  'one of them names it already, with the old one as the one it monitors':
    [observation([redis(0, dead, 'master'), redis(1, master, 'slave', promoted)], [names(1, { failingOver: true, monitored: address(0) }), names(0), names(0)]),
      ['elect redis-1 for 10.0.0.0 in 2 NotPublished']],
  'the Service of the master was made anew: the sentinels are told where it is, before they find it down':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(7), 'slave', { followed: address(7) })], [names(7), names(7), names(7)], lastMaster(0)),
      ['elect redis-0 for 10.0.0.7 in 2 NotPublished']],
  'and it has everything, though a replica answered a moment later':
    [observation([redis(0, master, 'master'), redis(1, { kind: 'slave', master: address(7), link: 'connected', offset: 140 }, 'slave', { followed: address(7) })], [names(7), names(7), names(7)], lastMaster(0)),
      ['elect redis-0 for 10.0.0.7 in 2 NotPublished']],
  'one that has less than another is not made known as it is, and nobody is pointed at it':
    [observation([redis(0, dead, 'master'), redis(1, master, 'slave', promoted), redis(2, orphanOf(0, 101), 'slave')], agreed), []],
  'the former master abdicated with more than the promoted one has: it is the master again':
    [observation([redis(0, abdicated(101), 'master'), redis(1, master, 'slave', promoted), redis(2, orphanOf(0, 100), 'slave')], agreed), ['reinstate redis-0 SuccessorHasLess']],
  'and when nobody is promoted any more':
    [observation([redis(0, abdicated(100), 'master'), redis(1, orphanOf(0, 100), 'slave')], agreed, lastMaster(0)), ['reinstate redis-0 SuccessorHasLess']],
  'but not when another one has more':
    [observation([redis(0, abdicated(100), 'master'), redis(1, orphanOf(0, 101), 'slave')], agreed, lastMaster(0)), []],
  'nor when a sentinel names another one':
    [observation([redis(0, abdicated(101), 'master'), redis(1, orphanOf(0, 100), 'slave')], [names(0), names(0), names(1)], lastMaster(0)), []],
  'nor by a probe that only follows':
    [observation([redis(0, abdicated(101), 'master'), redis(1, orphanOf(0, 100), 'slave')], agreed, { ...lastMaster(0), mayElect: false }), []],
  'one that abdicated, and has no more than the promoted one, is told of it with everybody':
    [observation([redis(0, abdicated(100), 'master'), redis(1, master, 'slave', promoted)], agreed), ['elect redis-1 for 10.0.0.0 in 2 NotPublished']],
  'one of them names a third: they must settle it, and the label tells clients of the only master that there is':
    [observation([redis(0, dead, 'master'), redis(1, master, 'slave', promoted), redis(2, dead)], [names(2), names(0), names(0)]),
      ['redis-1 master PromotionSeen', 'redis-0 slave MasterReplaced']],
  'without a majority it is labelled before the sentinels say so, and the new label goes first':
    [observation([redis(0, dead, 'master'), redis(1, master, 'slave', promoted), redis(2, slaveOf(0), 'slave')], [names(0)]),
      ['follow redis-2 10.0.0.1 FollowsAnotherMaster', 'redis-1 master PromotionSeen', 'redis-0 slave MasterReplaced']],
  'the same when the old master says slave':
    [observation([redis(0, slaveOf(1), 'master'), redis(1, master, 'slave', promoted)], []),
      ['redis-1 master PromotionSeen', 'redis-0 slave MasterReplaced']],
  'the same when the old master\'s pod is gone':
    [observation([redis(1, master, 'slave', promoted)], [names(0)], lastMaster(0)), ['redis-1 master PromotionSeen']],
  'the same by a probe that only follows':
    [observation([redis(0, dead, 'master'), redis(1, master, 'slave', promoted)], agreed, { mayElect: false }), ['redis-1 master PromotionSeen', 'redis-0 slave MasterReplaced']],
  'the same when the sentinels were asked for votes in vain a moment ago':
    [observation([redis(0, dead, 'master'), redis(1, master, 'slave', promoted)], agreed, { election: { epoch: 9, predecessor: address(0), at: NOW - 40, outcome: 'NotElected', failures: 2 } }), ['redis-1 master PromotionSeen', 'redis-0 slave MasterReplaced']],
  'a promoted replica while the old master is only silent: wait for the majority':
    [observation([redis(0, unknown, 'master'), redis(1, master, 'slave', promoted)], agreed), []],
  'the majority settles it: a silent master may be writable, so its label goes first':
    [observation([redis(0, unknown, 'master'), redis(1, master, 'slave', promoted)], [names(1), names(1), names(0)]),
      ['redis-0 slave MasterReplaced', 'redis-1 master MajorityNamesIt']],
  'a lonely master that followed somebody else is not the successor':
    [observation([redis(0, dead, 'master'), redis(1, master, 'slave', { followed: address(7) })], agreed), []],
  'a lonely master that was never seen as a replica is not the successor':
    [observation([redis(0, dead, 'master'), redis(1, master, 'slave')], agreed), []],
  'no successor while the majority names a third pod that may be writable':
    [observation([redis(0, dead, 'master'), redis(1, master, 'slave', promoted), redis(2, unknown, 'slave')], [names(2), names(2)]), []],
  'the successor stays confirmed until the sentinels catch up':
    [observation([redis(0, dead, 'slave'), redis(1, master, 'master', promoted), redis(2, slaveOf(0), 'slave')], [names(0)], lastMaster(1)),
      ['follow redis-2 10.0.0.1 FollowsAnotherMaster']],
  'an isolated master that we confirmed pulls no replica away from a master that may be alive':
    [observation([redis(0, master, 'master'), redis(1, unknown, 'slave'), redis(2, slaveOf(1), 'slave')], [], lastMaster(0)), []],

  'the master is dead and nobody is promoted: the label stays, there is nobody better':
    [observation([redis(0, dead, 'master'), redis(1, slaveOf(0), 'slave')], agreed), []],
  'the labelled master is silent: the label stays':
    [observation([redis(0, unknown, 'master'), redis(1, slaveOf(0), 'slave')], agreed), []],
  'a script blocks the master that the majority names: it is ended':
    [observation([redis(0, busy, 'master'), redis(1, slaveOf(0), 'slave')], agreed), ['unblock redis-0 10.0.0.0 BlockedByScript']],
  'a script blocks a replica: not our business':
    [observation([redis(0, master, 'master'), redis(1, busy, 'slave')], agreed), []],
  'a script blocks a former master: what it would write after the script is lost':
    [observation([redis(0, busy, 'master'), redis(1, unknown, 'slave')], [names(1), names(1), names(1)]), []],
  'a script blocks the master and the sentinels have begun: too late':
    [observation([redis(0, busy, 'master'), redis(1, slaveOf(0), 'slave')], [names(0), names(0), names(0, { subjectivelyDown: true })]), []],
  'nobody answers: nothing':
    [observation([redis(0, unknown, 'master'), redis(1, unknown)], []), []],
  'a surplus label goes when its pod says slave, even without a confirmed master':
    [observation([redis(0, unknown, 'master'), redis(1, slaveOf(0), 'master')], []), ['redis-1 slave SurplusMaster']],
  'a pod that came back under the same name has no label and gets one when it answers':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(0))], agreed), ['redis-1 slave ReplicaObserved']],
  'a foreign label value is put right':
    [observation([redis(0, master, 'Master'), redis(1, slaveOf(0), 'replica')], agreed),
      ['redis-0 master MajorityNamesIt', 'redis-1 slave ReplicaObserved']],

  'two masters and no majority: wait':
    [observation([redis(0, master, 'master'), redis(1, master, 'slave')], [names(0), names(1)]), []],
  'a zombie that every sentinel passes over is demoted':
    [observation([redis(0, master, 'master'), redis(1, master, 'slave')], agreed), ['demote redis-1 10.0.0.0 NotNamedByMajority']],
  'a labelled zombie is demoted, loses the label, and only then the other gets it':
    [observation([redis(0, master, 'slave'), redis(1, master, 'master')], agreed),
      ['demote redis-1 10.0.0.0 NotNamedByMajority', 'redis-1 slave MasterReplaced', 'redis-0 master MajorityNamesIt']],
  'a second master seen for the first time may be a promotion that was asked about too early: look again first':
    [observation([redis(0, master, 'master'), redis(1, master, 'slave', { masterSince: NOW })], agreed), []],
  'a second master while a sentinel fails over from the first is its successor, not a zombie':
    [observation([redis(0, master, 'master'), redis(1, master, 'slave')], [names(0, { failingOver: true }), names(0), names(0)]), []],
  'a second master that one sentinel names already is its successor, not a zombie':
    [observation([redis(0, master, 'master'), redis(1, master, 'slave', promoted)], [names(1), names(0), names(0)]), []],
  'a silent sentinel may be the one that promotes: the demotion waits until it would have published':
    [observation([redis(0, master, 'master'), redis(1, master, 'slave', promoted)], [undefined, names(0), names(0)]), []],
  'and then it is demoted with a majority alone':
    [observation([redis(0, master, 'master'), redis(1, master, 'slave', { masterSince: NOW - 3000 })], [undefined, names(0), names(0)]),
      ['demote redis-1 10.0.0.0 NotNamedByMajority']],
  'after a forced failover the old, living master is the zombie':
    [observation([redis(0, master, 'master'), redis(1, master, 'slave', promoted)], [names(1, { failingOver: true, monitored: address(0) }), names(1), names(1)]),
      ['demote redis-0 10.0.0.1 NotNamedByMajority', 'redis-0 slave MasterReplaced', 'redis-1 master MajorityNamesIt']],

  'a replica that is out of the stream of a master that goes on must not be promoted by the sentinels':
    [observation([redis(0, master, 'master'), redis(1, unlinked(100), 'slave', { unlinkedSince: NOW - 3001 })], agreed), ['exclude redis-1 OutOfStream']],
  'for a moment it may be':
    [observation([redis(0, master, 'master'), redis(1, unlinked(100), 'slave', { unlinkedSince: NOW - 3000 })], agreed), []],
  'it is told once':
    [observation([redis(0, master, 'master'), redis(1, unlinked(0), 'slave', { unlinkedSince: NOW - 9000 })], agreed), []],
  'one whose link is up, but that lacks what the master had written seconds ago, gets nothing':
    [observation([redis(0, master, 'master'), redis(1, inStream(89, 100), 'slave')], agreed, marked), ['exclude redis-1 OutOfStream']],
  'what was written since may be on its way':
    [observation([redis(0, master, 'master'), redis(1, inStream(90, 100), 'slave')], agreed, marked), []],
  'one that has restarted has nothing of it yet':
    [observation([redis(0, master, 'master'), redis(1, { ...unlinked(2_000_000_000), offset: 0 } as Process, 'slave')], agreed, marked), ['exclude redis-1 OutOfStream']],
  'marks of another master say nothing':
    [observation([redis(0, master, 'master'), redis(1, inStream(1, 100), 'slave')], agreed, { marks: [{ ...mark(3001, 90), of: 'uid-2' }] }), []],
  'one that is in the stream again, with what the master had at the look before, may be promoted':
    [observation([redis(0, master, 'master'), redis(1, inStream(95, 0), 'slave')], agreed, marked), ['admit redis-1 InStream']],
  'with less it may not':
    [observation([redis(0, master, 'master'), redis(1, inStream(94, 0), 'slave')], agreed, marked), []],
  'nor with its connection to the process that was master before a restart, though its offset is higher':
    [observation([redis(0, ofHistory(master, 'b'), 'master'), redis(1, ofHistory(inStream(500, 0), 'a'), 'slave')], agreed, { marks: [{ ...mark(3001, 90), history: 'b' }] }), []],
  'such one must not be promoted':
    [observation([redis(0, ofHistory(master, 'b'), 'master'), redis(1, ofHistory(inStream(500, 100), 'a'), 'slave')], agreed, { marks: [{ ...mark(3001, 90), history: 'b' }] }), ['exclude redis-1 OutOfStream']],
  'nor without a link':
    [observation([redis(0, master, 'master'), redis(1, unlinked(0), 'slave')], agreed, marked), []],
  'nor before anything is known of the master':
    [observation([redis(0, master, 'master'), redis(1, inStream(100, 0), 'slave')], agreed), []],
  'nothing is said while the sentinels are at it':
    [observation([redis(0, master, 'master'), redis(1, unlinked(100), 'slave', { unlinkedSince: NOW - 9000 })], [names(0, { failingOver: true }), names(0), names(0)]), []],
  'a replica that follows nobody\'s choice is pointed at the master':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(5), 'slave')], agreed), ['follow redis-1 10.0.0.0 FollowsAnotherMaster']],
  'the wanted one is master: the wish is fulfilled when the sentinels say so too':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(0), 'slave')], agreed, { wanted: 'redis-0' }), ['fulfil redis-0 SwitchedOver']],
  'and not before':
    [observation([redis(0, dead, 'slave'), redis(1, master, 'master', promoted)], [names(0)], { ...lastMaster(1), wanted: 'redis-1' }), []],
  'a sentinel that is behind the others is told, in the name of one that is not':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(0), 'slave')], [names(1), names(0, { configEpoch: 2 }), names(0, { configEpoch: 2 })]), ['tell sentinel-0 10.0.0.0 in 2']],
  'one that is not behind, and says another, has a reason':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(0), 'slave')], [names(1, { configEpoch: 2 }), names(0, { configEpoch: 2 }), names(0, { configEpoch: 2 })]), []],
  'the master refuses a connection for the first time: its Service leads to the one that will succeed it':
    [observation([redis(0, unknown, 'master', { isRefusing: true }), redis(1, orphanOf(0), 'slave'), redis(2, orphanOf(0, 101), 'slave')], agreed, lastMaster(0)), ['lead redis-2 MasterRefuses']],
  'not while a replica still hears it':
    [observation([redis(0, unknown, 'master', { isRefusing: true }), redis(1, slaveOf(0), 'slave')], agreed, lastMaster(0)), []],
  'a replica is never pulled back while a sentinel is ahead of the majority':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(2), 'slave')], [names(2), names(0), names(0)]), []],
  'a replica is never pulled back while a failover is under way':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(2), 'slave')], [names(0, { failingOver: true }), names(0), names(0)]), []],
}

for (const [name, [seen, expected]] of Object.entries(cases)) {
  await t.test(name, async (t) => {
    t.strictSame(lines(decide(seen)), expected)
  })
}
