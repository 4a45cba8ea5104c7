/** When a cluster is looked at again soon. The loop itself is tested with real processes: failover.test.ts and its like. */
import t from 'tap'
import { isQuiet } from '../../src/probe/cluster-loop.ts'
import type { Observation } from '../../src/probe/observation.ts'
import { master, NOW, observation, redis, slaveOf } from './observations.ts'

const calm = [redis(0, master, 'master'), redis(1, slaveOf(0), 'slave'), redis(2, slaveOf(0), 'slave')]
const paused = (until: number): Partial<Observation> => ({ paused: { uid: 'uid-0', from: NOW - 100, until, reason: 'Switchover' } })

const cases: Record<string, [Partial<Observation>, boolean]> = {
  'one master, and both replicas in its stream': [{}, true],
  'the writes of the master are paused: its clients wait for the next step': [paused(NOW + 1000), false],
  'the pause is over': [paused(NOW), true],
  'the master leaves': [{ redis: [redis(0, master, 'master', { presence: 'Leaving' }), redis(1, slaveOf(0), 'slave')] }, false],
  'nobody is master': [{ redis: [redis(1, slaveOf(0), 'slave'), redis(2, slaveOf(0), 'slave')] }, false],
  'two are': [{ redis: [redis(0, master, 'master'), redis(1, master, 'slave')] }, false],
  'a replica was not seen in the stream yet': [{ redis: [redis(0, master, 'master'), redis(1, slaveOf(0), 'slave', { followed: undefined })] }, false],
}

for (const [name, [seen, expected]] of Object.entries(cases)) {
  t.test(name, async (t) => { t.equal(isQuiet(observation(calm, [], seen)), expected) })
}
