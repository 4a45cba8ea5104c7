import { readFileSync } from 'node:fs'
import t from 'tap'
import { decide } from '../../src/probe/decide.ts'
import { succession, successor } from '../../src/probe/decide-succession.ts'
import type { HeldElection, Observation, Process, RedisView } from '../../src/probe/observation.ts'
import { address, busy, dead, id, lastMaster, lines, master, names, NOW, observation, orphanOf, OWN_ID, redis, slaveOf, unknown } from './observations.ts'

const agreed = [names(0), names(0), names(0)]
const alone = [undefined, names(0), undefined]
const down = [names(0, { subjectivelyDown: true }), names(0, { subjectivelyDown: true }), names(0)]
const late = { vacantSince: NOW - 25_001 }
const held = (more: Partial<HeldElection> = {}) =>
  ({ election: { epoch: 7, predecessor: address(0), at: NOW - 40, outcome: 'NotElected', failures: 2, ...more } as const })

function vacant (pods: RedisView[], answers: Parameters<typeof observation>[1], more: Partial<Observation> = {}): Observation {
  return observation(pods, answers, { ...lastMaster(0), vacantSince: NOW - 50, ...more })
}
const level = [redis(0, dead, 'master'), redis(1, orphanOf(0), 'slave'), redis(2, orphanOf(0), 'slave')]
const second = (pod: RedisView) => [...level.slice(0, 2), pod]
const silent = [redis(0, unknown, 'master'), redis(1, slaveOf(0), 'slave'), redis(2, slaveOf(0), 'slave')]
const elected = (n: number, epoch = 2, reason = 'ProvenDead') => `elect redis-${n} for 10.0.0.0 in ${epoch} ${reason}`

const cases: Record<string, [Observation, string]> = {
  'a proven death that a majority does not know of yet':
    [vacant(level, agreed), elected(1)],
  'the same when the kubelet says so':
    [vacant([redis(0, { kind: 'dead', cause: 'ContainerTerminated' }), ...level.slice(1)], agreed), elected(1)],
  'a replica that died as well is out of the question':
    [vacant(second(redis(2, dead, 'slave')), agreed), elected(1)],
  'a silent master may be writable':
    [vacant(silent, agreed), 'MasterNotProvenDead'],
  'a master that the probe never confirmed is nobody\'s predecessor':
    [vacant(level, agreed, { lastMaster: undefined }), 'MasterNotProvenDead'],
  'a replica that was out of the stream for long while the master went on may lack anything':
    [vacant(second(redis(2, dead, 'slave')).with(1, redis(1, orphanOf(0), 'slave', { unlinkedSince: NOW - 5000 })), agreed, { masterAt: NOW - 1999 }), 'ReplicaOutOfStream'],
  'for a moment only, or since the master died':
    [vacant(second(redis(2, dead, 'slave')).with(1, redis(1, orphanOf(0), 'slave', { unlinkedSince: NOW - 5000 })), agreed, { masterAt: NOW - 2000 }), elected(1)],
  'also when its link was up, but nothing came over it':
    [vacant(second(redis(2, dead, 'slave')), agreed, { masterAt: NOW - 50, marks: [{ at: NOW - 3051, offset: 101, of: 'uid-0' }] }), 'ReplicaOutOfStream'],
  'an offset of before the master\'s restart says nothing':
    [vacant(second(redis(2, { ...orphanOf(0, 500), history: 'a' } as Process, 'slave')).with(1, redis(1, { ...orphanOf(0), history: 'b' } as Process, 'slave')), agreed,
      { masterAt: NOW - 50, marks: [{ at: NOW - 50, offset: 100, of: 'uid-0', history: 'b' }] }), elected(1)],
  'what the master wrote in its last seconds may be on its way':
    [vacant(second(redis(2, dead, 'slave')), agreed, { masterAt: NOW - 50, marks: [{ at: NOW - 3050, offset: 101, of: 'uid-0' }] }), elected(1)],
  'the other one is better':
    [vacant(second(redis(2, orphanOf(0), 'slave')).with(1, redis(1, orphanOf(0, 90), 'slave', { unlinkedSince: NOW - 5000 })), agreed, { masterAt: NOW - 50 }), elected(2)],
  'and if not, a person decides':
    [vacant(second(redis(2, orphanOf(0, 90), 'slave')).with(1, redis(1, orphanOf(0), 'slave', { unlinkedSince: NOW - 5000 })), agreed, { masterAt: NOW - 50 }), 'ReplicaOutOfStream'],
  'somebody is master already':
    [vacant(second(redis(2, master, 'slave')), agreed), 'MasterNotProvenDead'],
  'the sentinels name one that is dead, but the probe knows a later master':
    [vacant([...second(redis(2, dead, 'master'))], agreed, lastMaster(2)), 'ReplicaOutOfStream'],

  'a silent master that a majority of the sentinels finds down':
    [vacant(silent, down), elected(1, 2, 'FoundDown')],
  'one sentinel that finds it down is no majority':
    [vacant(silent, [names(0, { subjectivelyDown: true }), names(0), names(0)]), 'MasterNotProvenDead'],
  'two of which one does not answer are none, either':
    [vacant(silent, [names(0, { subjectivelyDown: true }), undefined, names(0)]), 'MasterNotProvenDead'],
  'a master that a script blocks writes when the script ends':
    [vacant([redis(0, busy, 'master'), ...silent.slice(1)], down), 'MasterNotProvenDead'],
  'a master whose pod does not exist any more is silent, too':
    [vacant(silent.slice(1), down), elected(1, 2, 'FoundDown')],
  'a replica was lost together with it: the one that is left':
    [vacant([redis(0, unknown, 'master'), redis(1, slaveOf(0), 'slave'), redis(2, unknown, 'slave', { silentSince: NOW - 5000 })], down), elected(1, 2, 'FoundDown')],
  'a replica that was heard of later may have more':
    [vacant([redis(0, unknown, 'master'), redis(1, slaveOf(0), 'slave'), redis(2, unknown, 'slave', { silentSince: NOW - 4999 })], down), 'ReplicaSilent'],

  'nobody to promote':
    [vacant([redis(0, dead, 'master'), redis(1, dead), redis(2, dead)], agreed), 'NoReplica'],
  'a silent replica may be the one with the most data':
    [vacant(second(redis(2, unknown, 'slave')), agreed), 'ReplicaSilent'],
  'so may one that a script blocks':
    [vacant(second(redis(2, busy, 'slave')), agreed), 'ReplicaSilent'],
  'one that restarted has no more than the one that stayed in the stream':
    [vacant(second(redis(2, orphanOf(0, 900), 'slave', { followed: undefined })), agreed), elected(1)],
  'all replicas restarted: the start scripts decide':
    [vacant([redis(0, dead, 'master'), ...[1, 2].map((n) => redis(n, orphanOf(0, 1), 'slave', { followed: undefined }))], agreed), 'ReplicaOutOfStream'],
  'the same with offsets out of an RDB file':
    [vacant([redis(0, dead, 'master'), ...[1, 2].map((n) => redis(n, orphanOf(0), 'slave', { followed: undefined }))], agreed), 'ReplicaOutOfStream'],
  'connected once, but fresh':
    [vacant([redis(0, dead, 'master'), ...[1, 2].map((n) => redis(n, orphanOf(0, 1), 'slave'))], agreed), 'ReplicaOutOfStream'],
  'a replica that still has the link contradicts the death: the probe may be the one that is refused':
    [vacant(second(redis(2, slaveOf(0), 'slave')), agreed), 'MasterNotProvenDead'],
  'a replica of somebody else does not count':
    [vacant(second(redis(2, orphanOf(5, 900), 'slave')), agreed), elected(1)],
  'one replica has more':
    [vacant(second(redis(2, orphanOf(0, 101), 'slave')), agreed), elected(2)],
  'more data counts for more than a pod that stays':
    [vacant(second(redis(2, orphanOf(0, 101), 'slave', { presence: 'Leaving' })), agreed), elected(2)],
  'of equals the one that stays':
    [vacant([redis(0, dead, 'master'), redis(1, orphanOf(0), 'slave', { presence: 'Leaving' }), redis(2, orphanOf(0), 'slave')], agreed), elected(2)],
  'of equals the one of the newer revision, which is not replaced next':
    [vacant(second(redis(2, orphanOf(0), 'slave', { revision: 'b' })), agreed), elected(2)],
  'of equals one that is not being scaled away':
    [vacant([redis(0, dead, 'master'), redis(3, orphanOf(0), 'slave', { revision: 'b' }), redis(2, orphanOf(0), 'slave')], agreed), elected(2)],
  'the pod was deleted by force, and its process is not proven dead':
    [vacant([redis(3, unknown, undefined, { address: address(0), presence: 'Gone' }), ...level], agreed), 'MasterNotProvenDead'],
  'the pod was deleted by force, and both its process and the next pod\'s are down':
    [vacant([redis(3, dead, undefined, { address: address(0), presence: 'Gone' }), ...level], agreed), elected(1)],

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
  'one sentinel is silent: two votes are a majority':
    [vacant(level, [undefined, names(0), names(0)]), elected(1)],

  'a sentinel out of sight was elected a moment ago, and may be about to promote':
    [vacant(level, [names(0), names(0), undefined], { rival: { leader: id(2), epoch: 5, since: NOW - 9999 } }), 'FailoverUnderWay'],
  'it had its time':
    [vacant(level, [names(0), names(0), undefined], { rival: { leader: id(2), epoch: 5, since: NOW - 10_000 } }), elected(1)],
  'the epoch is beyond every one that was seen':
    [vacant(level, [names(0, { configEpoch: 3 }), names(0, { vote: { leader: OWN_ID, epoch: 41 } }), names(0)]), elected(1, 42)],
  'and beyond the last one that was used':
    [vacant(level, agreed, held({ epoch: 50, outcome: 'Accepted', failures: 0 })), elected(1, 51)],
  'an election failed a moment ago':
    [vacant(level, agreed, held()), 'LeftToSentinels'],
  'and the next one goes further, for a sentinel may be ahead of what it shows':
    [vacant(level, agreed, held({ at: NOW - 50 })), elected(1, 7 + 256)],
  'after the first failure at once':
    [vacant(level, agreed, held({ failures: 1, at: NOW })), elected(1, 7 + 16)],
  'after the fourth the sentinels get the time to do it themselves':
    [vacant(level, agreed, held({ failures: 4, at: NOW - 34_999 })), 'LeftToSentinels'],
  'and when they do not, it is tried again':
    [vacant(level, agreed, held({ failures: 4, at: NOW - 35_000 })), elected(1, 7 + 4096)],

  'the last resort: one sentinel, and everybody had the time for a second attempt':
    [vacant(level, alone, late), elected(1, 2, 'LastResort')],
  'not a moment earlier':
    [vacant(level, alone, { vacantSince: NOW - 25_000 }), 'NoMajority'],
  'no last resort while a redis is out of sight that may have more':
    [vacant(level.slice(0, 2), alone, late), 'ReplicaMissing'],
  'no last resort while one is down that may have more':
    [vacant(second(redis(2, dead, 'slave')), alone, late), 'ReplicaMissing'],
  'no last resort for a silent master':
    [vacant(silent, [undefined, names(0, { subjectivelyDown: true }), undefined], late), 'MasterNotProvenDead'],
}

for (const [name, [seen, expected]] of Object.entries(cases)) {
  await t.test(name, async (t) => {
    const next = succession(seen)
    const elections = decide(seen).filter(({ kind }) => kind === 'elect')
    t.equal(next.kind === 'elect' ? lines([next])[0] : next.obstacle, expected)
    if (seen.redis.every(({ process }) => process.kind !== 'master')) t.strictSame(elections, next.kind === 'elect' ? [next] : [], 'decide says the same')
  })
}

await t.test('a probe that only follows holds no election', async (t) => {
  t.strictSame(decide(vacant(level, agreed, { mayElect: false })), [])
})

await t.test('the last resort asks for the votes of all that answer, anything else for a majority', async (t) => {
  const votes = (seen: Observation) => { const next = succession(seen); return next.kind === 'elect' ? [next.votesNeeded, next.voters.length, next.electorate.length] : [] }
  t.strictSame(votes(vacant(level, alone, late)), [1, 1, 3])
  t.strictSame(votes(vacant(level, [undefined, names(0), names(0)])), [2, 2, 3])
})

await t.test('of a living master only who has all of it can succeed', async (t) => {
  const seen = observation([redis(0, master, 'master'), redis(1, slaveOf(0), 'slave'), redis(2, orphanOf(0, 101), 'slave')], agreed)
  t.equal(successor(seen, address(0), { least: 101 })?.pod, 'redis-2')
  t.equal(successor(seen, address(0), { least: 102 }), undefined)
})

await t.test('each obstacle is documented with what a person can do', async (t) => {
  const text = readFileSync(new URL('../../docs/failover.md', import.meta.url), 'utf8')
  for (const obstacle of new Set(Object.values(cases).map(([, expected]) => expected))) {
    if (!obstacle.includes(' ')) t.match(text, `\`${obstacle}\``)
  }
})
