import t from 'tap'
import { createStrangerWatch, strangers } from '../../src/probe/decide-strangers.ts'
import type { Observation, Process } from '../../src/probe/observation.ts'
import { address, names, NOW, observation, redis, slaveOf } from './observations.ts'

const followedBy = (...some: string[]): Process => ({ kind: 'master', offset: 100, replicas: some.map((one) => ({ address: one, offset: 100 })) })
const OUTSIDE = '192.168.7.7'
const cluster = (master: Process, more: Partial<Observation> = {}) =>
  observation([redis(0, master, 'master'), redis(1, slaveOf(0), 'slave'), redis(2, slaveOf(0), 'slave')], [names(0), names(0), names(0)], more)
const own = [address(1), address(2)]

t.test('who follows the master and is no pod of the cluster is a stranger', async (t) => {
  t.strictSame(strangers(cluster(followedBy(...own))), [])
  t.strictSame(strangers(cluster(followedBy(...own, OUTSIDE, '10.9.9.9', OUTSIDE))), ['10.9.9.9', OUTSIDE])
  t.strictSame(strangers(cluster(followedBy(...own, ''))), [], 'one that has not said who it is')
})

t.test('nobody is one while a pod may be missing from sight, or the master is in doubt', async (t) => {
  const seen = cluster(followedBy(...own, OUTSIDE))
  t.strictSame(strangers({ ...seen, redis: seen.redis.slice(0, 2) }), [], 'a pod is being made anew')
  t.strictSame(strangers({ ...seen, redis: seen.redis.map((pod) => pod.pod === 'redis-2' ? { ...pod, address: undefined } : pod) }), [], 'its Service was not seen yet')
  t.strictSame(strangers({ ...seen, sentinels: [] }), [])
  t.strictSame(strangers(cluster(slaveOf(1))), [])
})

t.test('each is told once, when it has been there for two minutes; and again when it comes back', async (t) => {
  const watch = createStrangerWatch()
  const at = (ms: number, ...some: string[]) => watch(cluster(followedBy(...own, ...some), { startedAt: NOW + ms }))
  t.strictSame(at(0, OUTSIDE), [])
  t.strictSame(at(119_999, OUTSIDE), [])
  t.strictSame(watch(cluster(slaveOf(1), { startedAt: NOW + 119_999 })), [], 'no master: nothing is known')
  t.strictSame(at(120_000, OUTSIDE, '10.9.9.9'), [OUTSIDE])
  t.strictSame(at(200_000, OUTSIDE, '10.9.9.9'), [])
  t.strictSame(at(240_000, OUTSIDE, '10.9.9.9'), ['10.9.9.9'])
  t.strictSame(at(250_000), [])
  t.strictSame(at(260_000, OUTSIDE), [])
  t.strictSame(at(380_000, OUTSIDE), [OUTSIDE])
})
