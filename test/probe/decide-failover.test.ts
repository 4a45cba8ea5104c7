import { readFileSync } from 'node:fs'
import t from 'tap'
import { decide } from '../../src/probe/decide.ts'
import { succession } from '../../src/probe/decide-failover.ts'
import type { AskedFailover, Observation, RedisView } from '../../src/probe/observation.ts'
import { address, dead, lastMaster, lines, master, names, NOW, observation, orphanOf, redis, sentinel, slaveOf, unknown } from './observations.ts'

const agreed = [names(0), names(0), names(0)]
const alone = [undefined, names(0), undefined]
const late = { vacantSince: NOW - 25_001 }
const asked = (more: Partial<AskedFailover> = {}) => ({ asked: { address: address(0), sentinel: 'sentinel-uid-0', at: NOW - 9999, answer: 'Accepted', ...more } as const })

function vacant (pods: RedisView[], answers: Parameters<typeof observation>[1], more: Partial<Observation> = {}): Observation {
  return observation(pods, answers, { ...lastMaster(0), vacantSince: NOW - 50, ...more })
}
const level = [redis(0, dead, 'master'), redis(1, orphanOf(0), 'slave'), redis(2, orphanOf(0), 'slave')]
const second = (pod: RedisView) => [...level.slice(0, 2), pod]

const cases: Record<string, [Observation, string]> = {
  'a proven death that a majority does not know of yet':
    [vacant(level, agreed), 'failover 10.0.0.0 at sentinel-0 ProvenDead'],
  'the same when the kubelet says so':
    [vacant([redis(0, { kind: 'dead', cause: 'ContainerTerminated' }), ...level.slice(1)], agreed), 'failover 10.0.0.0 at sentinel-0 ProvenDead'],
  'a replica that died as well is out of the question':
    [vacant(second(redis(2, dead, 'slave')), agreed), 'failover 10.0.0.0 at sentinel-0 ProvenDead'],
  'a silent master may be writable':
    [vacant([redis(0, unknown, 'master'), ...level.slice(1)], agreed), 'MasterNotProvenDead'],
  'a master that the probe never confirmed is nobody\'s predecessor':
    [vacant(level, agreed, { lastMaster: undefined }), 'MasterNotProvenDead'],
  'somebody is master already':
    [vacant(second(redis(2, master, 'slave')), agreed), 'MasterNotProvenDead'],
  'the sentinels name one that is dead, but the probe knows a later master':
    [vacant([...second(redis(2, dead, 'master'))], agreed, lastMaster(2)), 'ReplicaOutOfStream'],

  'nobody to promote':
    [vacant([redis(0, dead, 'master'), redis(1, dead), redis(2, dead)], agreed), 'NoReplica'],
  'a silent replica may be the one with the most data':
    [vacant(second(redis(2, unknown, 'slave')), agreed), 'ReplicaSilent'],
  'one that restarted is not to be promoted by a sentinel that has not noticed':
    [vacant(second(redis(2, orphanOf(0, 1), 'slave', { followed: undefined })), agreed), 'ReplicaOutOfStream'],
  'all replicas restarted: the start scripts decide':
    [vacant([redis(0, dead, 'master'), ...[1, 2].map((n) => redis(n, orphanOf(0, 1), 'slave', { followed: undefined }))], agreed), 'ReplicaOutOfStream'],
  'the same with offsets out of an RDB file':
    [vacant([redis(0, dead, 'master'), ...[1, 2].map((n) => redis(n, orphanOf(0), 'slave', { followed: undefined }))], agreed), 'ReplicaOutOfStream'],
  'connected once, but fresh':
    [vacant([redis(0, dead, 'master'), ...[1, 2].map((n) => redis(n, orphanOf(0, 1), 'slave'))], agreed), 'ReplicaOutOfStream'],
  'a replica that still has the link contradicts the death: the probe may be the one that is refused':
    [vacant(second(redis(2, slaveOf(0), 'slave')), agreed), 'ReplicaOutOfStream'],
  'a replica of somebody else':
    [vacant(second(redis(2, orphanOf(5), 'slave')), agreed), 'ReplicaOutOfStream'],
  'one replica has more: the sentinel must know that before it chooses':
    [vacant(second(redis(2, orphanOf(0, 101), 'slave')), agreed), 'failover 10.0.0.0 at sentinel-0 ProvenDead'],
  'the pod was deleted by force, and its process is not proven dead':
    [vacant([redis(3, unknown, undefined, { address: address(0), presence: 'Gone' }), ...level], agreed), 'MasterNotProvenDead'],
  'the pod was deleted by force, and both its process and the next pod\'s are down':
    [vacant([redis(3, dead, undefined, { address: address(0), presence: 'Gone' }), ...level], agreed), 'failover 10.0.0.0 at sentinel-0 ProvenDead'],

  'no majority':
    [vacant(level, alone), 'NoMajority'],
  'the majority is one of the configured sentinels':
    [vacant(level, agreed, { sentinelReplicas: 7 }), 'NoMajority'],
  'nobody to ask':
    [vacant(level, [], late), 'NoSentinelAnswers'],
  'a sentinel names the successor already':
    [vacant(level, [names(0), names(0), names(1)]), 'SentinelsDisagree'],
  'a sentinel is at it':
    [vacant(level, [names(0), names(0), names(0, { failingOver: true })]), 'FailoverUnderWay'],
  'a quorum has noticed':
    [vacant(level, [names(0), names(0, { objectivelyDown: true }), names(0)]), 'LeftToSentinels'],
  'a lower sentinel is slow: it is the chosen one all the same':
    [vacant(level, [], { sentinels: [sentinel(2, names(0)), sentinel(1, names(0)), sentinel(0, undefined, true)] }), 'SentinelSilent'],
  'a lower sentinel is gone':
    [vacant(level, [], { sentinels: [sentinel(2, names(0)), sentinel(1, names(0)), sentinel(0, undefined)] }), 'failover 10.0.0.0 at sentinel-1 ProvenDead'],

  'accepted a moment ago':
    [vacant(level, agreed, asked()), 'FailoverUnderWay'],
  'perhaps accepted a moment ago':
    [vacant(level, agreed, asked({ answer: 'Lost' })), 'FailoverUnderWay'],
  'accepted, and a long failover-timeout':
    [vacant(level, agreed, { ...asked({ at: NOW - 59_999 }), failoverTimeout: 60_000 }), 'FailoverUnderWay'],
  'accepted long ago: the same sentinel again':
    [vacant(level, agreed, asked({ at: NOW - 10_000, sentinel: 'sentinel-uid-1' })), 'failover 10.0.0.0 at sentinel-1 ProvenDead'],
  'accepted long ago by one that is slow now':
    [vacant(level, [], { ...asked({ at: NOW - 10_000 }), sentinels: [sentinel(0, undefined, true), sentinel(1, names(0)), sentinel(2, names(0))] }), 'SentinelSilent'],
  'accepted long ago by one that is gone':
    [vacant(level, [undefined, names(0), names(0)], asked({ at: NOW - 10_000 })), 'failover 10.0.0.0 at sentinel-1 ProvenDead'],
  'accepted for another death':
    [vacant(level, agreed, asked({ address: address(1) })), 'failover 10.0.0.0 at sentinel-0 ProvenDead'],
  'the sentinel had no figures of the replicas 0.1 s ago':
    [vacant(level, agreed, asked({ answer: 'NoGoodReplica', at: NOW - 100 })), 'FailoverUnderWay'],
  'the sentinel had no figures of the replicas 0.2 s ago':
    [vacant(level, agreed, asked({ answer: 'NoGoodReplica', at: NOW - 200 })), 'failover 10.0.0.0 at sentinel-0 ProvenDead'],

  'the last resort: one sentinel, and everybody had the time for a second attempt':
    [vacant(level, alone, late), 'failover 10.0.0.0 at sentinel-1 LastResort'],
  'not a moment earlier':
    [vacant(level, alone, { vacantSince: NOW - 25_000 }), 'NoMajority'],
  'the last resort when a majority answers and does nothing':
    [vacant(level, agreed.map((answer) => ({ ...answer, objectivelyDown: true })), late), 'failover 10.0.0.0 at sentinel-0 LastResort'],
  'no last resort while a redis is out of sight that may have more':
    [vacant(level.slice(0, 2), alone, late), 'ReplicaMissing'],
  'no last resort while one is down that may have more':
    [vacant(second(redis(2, dead, 'slave')), alone, late), 'ReplicaMissing'],
}

for (const [name, [seen, expected]] of Object.entries(cases)) {
  await t.test(name, async (t) => {
    const next = succession(seen)
    const failovers = decide(seen).filter(({ kind }) => kind === 'failover')
    t.equal(next.kind === 'failover' ? lines([next])[0] : next.obstacle, expected)
    t.strictSame(failovers, next.kind === 'failover' ? [next] : [], 'decide says the same')
  })
}

await t.test('where one replica has more than another, the failover says what the sentinel must know', async (t) => {
  const next = succession(vacant(second(redis(2, orphanOf(0, 101), 'slave')), agreed))
  t.strictSame(next.kind === 'failover' && [...next.replicas].map(([at, { offset }]) => [at, offset]), [[address(1), 100], [address(2), 101]])
})

await t.test('each obstacle is documented with what a person can do', async (t) => {
  const text = readFileSync(new URL('../../docs/failover.md', import.meta.url), 'utf8')
  for (const obstacle of new Set(Object.values(cases).map(([, expected]) => expected))) {
    if (!obstacle.includes(' ')) t.match(text, `\`${obstacle}\``)
  }
})
