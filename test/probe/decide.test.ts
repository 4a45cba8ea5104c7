import t from 'tap'
import { decide } from '../../src/probe/decide.ts'
import { PUBLICATION_GRACE_MS } from '../../src/probe/decide-handover.ts'
import type { Observation } from '../../src/probe/observation.ts'
import { address, busy, dead, lastMaster, lines, master, names, NOW, observation, redis, slaveOf, unknown } from './observations.ts'

const agreed = [names(0), names(0), names(0)]
const promoted = { masterSince: NOW - 10, followed: address(0) }

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

  'a promoted replica of the dead master is labelled before the sentinels say so, and the new label goes first':
    [observation([redis(0, dead, 'master'), redis(1, master, 'slave', promoted), redis(2, slaveOf(0), 'slave')], agreed),
      ['follow redis-2 10.0.0.1 FollowsAnotherMaster', 'redis-1 master PromotionSeen', 'redis-0 slave MasterReplaced']],
  'the same when the old master says slave':
    [observation([redis(0, slaveOf(1), 'master'), redis(1, master, 'slave', promoted)], agreed),
      ['redis-1 master PromotionSeen', 'redis-0 slave MasterReplaced']],
  'the same when the old master\'s pod is gone':
    [observation([redis(1, master, 'slave', promoted)], agreed, lastMaster(0)), ['redis-1 master PromotionSeen']],
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
    [observation([redis(0, dead, 'slave'), redis(1, master, 'master', promoted), redis(2, slaveOf(0), 'slave')], agreed, lastMaster(1)),
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
    [observation([redis(0, busy, 'master'), redis(1, slaveOf(0), 'slave')], [names(0), names(0), names(0, { objectivelyDown: true })]), []],
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
    [observation([redis(0, master, 'master'), redis(1, master, 'slave', { masterSince: NOW - PUBLICATION_GRACE_MS })], [undefined, names(0), names(0)]),
      ['demote redis-1 10.0.0.0 NotNamedByMajority']],
  'after a forced failover the old, living master is the zombie':
    [observation([redis(0, master, 'master'), redis(1, master, 'slave', promoted)], [names(1, { failingOver: true, monitored: address(0) }), names(1), names(1)]),
      ['demote redis-0 10.0.0.1 NotNamedByMajority', 'redis-0 slave MasterReplaced', 'redis-1 master MajorityNamesIt']],

  'a replica that is synchronized, and has the priority of its old data: its offset tells from now on':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(0), 'slave', { priority: 2_000_000_000 }), redis(2, slaveOf(0), 'slave', { priority: 100 })], agreed), ['qualify redis-1 Synchronized']],
  'a replica that follows nobody\'s choice is pointed at the master':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(5), 'slave')], agreed), ['follow redis-1 10.0.0.0 FollowsAnotherMaster']],
  'a master that is being updated: a replica that is updated already is preferred':
    [observation([redis(0, master, 'master', { presence: 'Leaving' }), redis(1, slaveOf(0), 'slave', { revision: 'b' }), redis(2, slaveOf(0), 'slave')], agreed), ['qualify redis-1 UpdatedAlready']],
  'one that is preferred is told once':
    [observation([redis(0, master, 'master', { presence: 'Leaving' }), redis(1, slaveOf(0), 'slave', { revision: 'b', priority: 50 }), redis(2, slaveOf(0), 'slave')], agreed), []],
  'nobody is preferred whose pod goes as well, whose link is down or whose revision is unknown':
    [observation([redis(0, master, 'master', { presence: 'Leaving' }), redis(1, slaveOf(0), 'slave', { revision: 'b', presence: 'Leaving' }), redis(2, { ...slaveOf(0), link: 'sync' } as never, 'slave', { revision: 'b' }), redis(3, slaveOf(0), 'slave', { revision: undefined })], agreed), []],
  'nobody stays preferred, least of all the one that took over':
    [observation([redis(0, slaveOf(1), 'slave', { presence: 'Leaving' }), redis(1, master, 'master', { revision: 'b', priority: 50 }), redis(2, slaveOf(1), 'slave', { revision: 'b', priority: 50 })], [names(1), names(1), names(1)]),
      ['qualify redis-1 Synchronized', 'qualify redis-2 Synchronized']],
  'a replica that a person wants as master is preferred':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(0), 'slave'), redis(2, slaveOf(0), 'slave')], agreed, { wanted: 'redis-2' }), ['qualify redis-2 Wanted']],
  'not while another replica could be chosen that is not linked':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(0), 'slave', { priority: 50 }), redis(2, { ...slaveOf(0), link: 'sync' } as never, 'slave')], agreed, { wanted: 'redis-1' }), ['qualify redis-1 Synchronized']],
  'nor right after an attempt that failed':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(0), 'slave', { priority: 50 }), redis(2, slaveOf(0), 'slave')], agreed, { wanted: 'redis-1', paused: { uid: 'uid-0', from: NOW - 8000, until: NOW - 5000, reason: 'Switchover' } }), ['qualify redis-1 Synchronized']],
  'not while it cannot follow, and nobody of another name':
    [observation([redis(0, master, 'master'), redis(1, { ...slaveOf(0), link: 'sync' } as never, 'slave')], agreed, { wanted: 'redis-1' }), []],
  'the wanted one is master: the wish is fulfilled when the sentinels say so too':
    [observation([redis(0, master, 'master'), redis(1, slaveOf(0), 'slave')], agreed, { wanted: 'redis-0' }), ['fulfil redis-0 SwitchedOver']],
  'and not before':
    [observation([redis(0, dead, 'slave'), redis(1, master, 'master', promoted)], agreed, { ...lastMaster(1), wanted: 'redis-1' }), []],
  'one that is not synchronized keeps it':
    [observation([redis(0, master, 'master'), redis(1, { ...slaveOf(0), link: 'sync' } as never, 'slave', { priority: 0 })], agreed), []],
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
