/** Elections with links that do as they are told: what is sent in which order, and what is not sent any more when something fails. */
import t from 'tap'
import type { Election } from '../../src/probe/decide-succession.ts'
import { holdElection, type Electorate } from '../../src/probe/hold-election.ts'
import type { PausedMaster, SentinelAnswer } from '../../src/probe/observation.ts'
import type { RedisLink } from '../../src/probe/redis-link.ts'
import type { Ballot, Hello, SentinelLink } from '../../src/probe/sentinel-link.ts'
import { address, master, names, NOW, redis, sentinel, slaveOf } from './observations.ts'

const voters = [0, 1, 2].map((n) => sentinel(n, names(0)))
const paused: PausedMaster = { uid: 'uid-0', from: NOW, until: NOW + 1000, reason: 'PodLeaves' }
const former = redis(0, master, 'master', { presence: 'Leaving' })
const planned: Election = {
  kind: 'elect', pod: redis(1, slaveOf(0), 'slave'), predecessor: address(0), former, epoch: 7, voters, electorate: voters, votesNeeded: 2, downAfterMilliseconds: 5000, reason: 'PodLeaves',
}
const { former: _, ...rest } = planned
const ofTheDead: Election = { ...rest, former: undefined, reason: 'ProvenDead' }

type Command = 'promote' | 'abdicate' | 'demote' | 'reinstate'

interface Setting {
  /** By ordinal; a promise that never settles is a sentinel that hangs. */
  readonly ballots?: readonly (Partial<Ballot> | 'hangs')[]
  readonly takesHello?: readonly boolean[]
  readonly refuses?: Command
  /** What every sentinel names when it is asked once more. */
  readonly named?: SentinelAnswer
  /** At the time of the first, second, ... question whether this probe may act. */
  readonly mayAct?: readonly boolean[]
  readonly paused?: PausedMaster | undefined
  readonly now?: number
  readonly lastOffset?: number
}

function world ({ ballots = [], takesHello = [], refuses, mayAct = [], paused: pause = paused, now = NOW + 10, lastOffset = 100, named = names(0) }: Setting) {
  const sent: string[] = []
  const told: Hello[] = []
  const command = <T>(name: Command, uid: string, value: T) => {
    sent.push(`${name} ${uid}`)
    return refuses === name ? Promise.reject(new Error('refused')) : Promise.resolve(value)
  }
  const electorate: Electorate = {
    sentinelReplicas: 3,
    paused: () => pause,
    redisLink: (uid) => ({
      promote: () => command('promote', uid, undefined),
      abdicate: () => command('abdicate', uid, lastOffset),
      demote: () => command('demote', uid, undefined),
      reinstate: () => command('reinstate', uid, undefined),
    }) as Partial<RedisLink> as RedisLink,
    sentinels: () => voters.map(() => ({ ask: async () => {}, answer: () => named }) as Partial<SentinelLink> as SentinelLink),
    sentinelLink: (uid) => ({
      vote: async () => {
        const n = Number(uid.at(-1))
        sent.push(`vote ${n}`)
        if (ballots[n] === 'hangs') return new Promise<Ballot>(() => {})
        return { isGranted: true, answer: names(0), ...ballots[n] }
      },
      hello: async (hello: Hello) => {
        const n = Number(uid.at(-1))
        sent.push(`hello ${n}`)
        told.push(hello)
        return takesHello[n] ?? true
      },
    }) as Partial<SentinelLink> as SentinelLink,
  }
  let asked = 0
  return { sent, told, electorate, conduct: { now: () => now, mayAct: () => mayAct[asked++] ?? true } }
}

const VOTES = ['vote 0', 'vote 1', 'vote 2']
const YIELDS = ['abdicate uid-0', 'demote uid-0']
const HELLOS = ['hello 0', 'hello 1', 'hello 2']
const against = (answer: SentinelAnswer): Partial<Ballot> => ({ answer })

const cases: Record<string, [Election, Setting, outcome: string, sent: string[]]> = {
  'a dead master: votes, promotion, hello':
    [ofTheDead, {}, 'Accepted', [...VOTES, 'promote uid-1', ...HELLOS]],
  'a living master follows its successor before any sentinel hears of it':
    [planned, {}, 'Accepted', [...VOTES, 'promote uid-1', ...YIELDS, ...HELLOS]],
  'a promotion that is there already is only published':
    [{ ...ofTheDead, reason: 'NotPublished' }, {}, 'Accepted', [...VOTES, ...HELLOS]],
  'one vote is no majority':
    [ofTheDead, { ballots: [{}, { isGranted: false }, { isGranted: false }] }, 'NotElected', VOTES],
  'a sentinel that hangs keeps nobody':
    [ofTheDead, { ballots: ['hangs', {}, {}] }, 'Accepted', [...VOTES, 'promote uid-1', ...HELLOS]],
  'a sentinel has begun by itself since the look':
    [ofTheDead, { ballots: [{}, against(names(0, { failingOver: true }))] }, 'NotElected', VOTES],
  'a sentinel names another one since the look':
    [ofTheDead, { ballots: [{}, against(names(2))] }, 'NotElected', VOTES],
  'the one that promoted is still at it: its promotion is published all the same':
    [{ ...ofTheDead, reason: 'NotPublished' }, { ballots: [{}, against(names(1, { failingOver: true }))] }, 'Accepted', [...VOTES, ...HELLOS]],
  'the last resort needs every vote that there is':
    [{ ...ofTheDead, reason: 'LastResort', voters: voters.slice(0, 2), votesNeeded: 2 }, { ballots: [{ isGranted: false }] }, 'NotElected', ['vote 0', 'vote 1']],
  'the Lease ran out during the votes':
    [planned, { mayAct: [false] }, 'Overtaken', VOTES],
  'the Lease ran out during the promotion':
    [planned, { mayAct: [true, false] }, 'Overtaken', [...VOTES, 'promote uid-1']],
  'the Lease ran out during the abdication: the next probe publishes it':
    [planned, { mayAct: [true, true, false] }, 'Overtaken', [...VOTES, 'promote uid-1', 'abdicate uid-0']],
  'the Lease ran out during the demotion: the next probe publishes it as well':
    [planned, { mayAct: [true, true, true, false] }, 'Overtaken', [...VOTES, 'promote uid-1', ...YIELDS]],
  'the votes took so long that the pause is about to end':
    [planned, { now: NOW + 801 }, 'NotPromoted', VOTES],
  'the pause is over':
    [planned, { paused: undefined }, 'NotPromoted', VOTES],
  'another one is paused':
    [planned, { paused: { ...paused, uid: 'uid-2' } }, 'NotPromoted', VOTES],
  'the successor does not answer':
    [planned, { refuses: 'promote' }, 'NotPromoted', [...VOTES, 'promote uid-1']],
  'the former master does not abdicate: no sentinel hears of the successor':
    [planned, { refuses: 'abdicate' }, 'NotDemoted', [...VOTES, 'promote uid-1', 'abdicate uid-0']],
  'it abdicates and does not follow: the next look sees to it':
    [planned, { refuses: 'demote' }, 'NotDemoted', [...VOTES, 'promote uid-1', ...YIELDS]],
  'its pause had ended on the way, and it took a write: it is the master again, with that write':
    [planned, { lastOffset: 101 }, 'NotDemoted', [...VOTES, 'promote uid-1', 'abdicate uid-0', 'reinstate uid-0']],
  'what it sent to its replicas to show that it lives is no write':
    [planned, { lastOffset: 114 }, 'Accepted', [...VOTES, 'promote uid-1', ...YIELDS, ...HELLOS]],
  'but not when a sentinel names another one by now':
    [planned, { lastOffset: 101, named: names(1) }, 'NotDemoted', [...VOTES, 'promote uid-1', 'abdicate uid-0']],
  'the sentinels find it down and act by themselves: one that does not say what it does is waited for':
    [{ ...ofTheDead, reason: 'FoundDown' }, { ballots: [{}, {}, { isGranted: false, answer: undefined }] }, 'NotElected', VOTES],
  'one sentinel alone takes the hello':
    [planned, { takesHello: [true, false, false] }, 'NotPublished', [...VOTES, 'promote uid-1', ...YIELDS, ...HELLOS]],
}

for (const [name, [election, setting, outcome, sent]] of Object.entries(cases)) {
  await t.test(name, async (t) => {
    const scene = world('paused' in setting && setting.paused === undefined ? { ...setting, paused: { ...paused, until: NOW } } : setting)
    const result = await holdElection(election, scene.electorate, scene.conduct)
    t.equal(result.outcome, outcome)
    t.strictSame(scene.sent, sent)
  })
}

await t.test('a vote that is refused, or lost, says why', async (t) => {
  const error = new Error('NOPERM')
  const refusals = { isGranted: false, answer: undefined, error }
  t.strictSame(await holdElection(ofTheDead, world({ ballots: [{}, refusals, refusals] }).electorate, world({}).conduct),
    { outcome: 'NotElected', votes: 1, error })
})

await t.test('a hello is said in the name of another sentinel, never of the one that is told', async (t) => {
  const scene = world({})
  await holdElection(planned, scene.electorate, scene.conduct)
  t.strictSame(scene.told.map(({ from, master: at, epoch }) => [from.address, at, epoch]), [
    ['10.0.1.1', address(1), 7], ['10.0.1.0', address(1), 7], ['10.0.1.0', address(1), 7],
  ])
})

await t.test('a sentinel that votes alone is told in the name of one that does not answer', async (t) => {
  const scene = world({})
  const { outcome } = await holdElection({ ...ofTheDead, reason: 'LastResort', voters: [voters[1]!], votesNeeded: 1 }, scene.electorate, scene.conduct)
  t.equal(outcome, 'Accepted')
  t.strictSame(scene.told.map(({ from }) => from.address), ['10.0.1.0'])
})

await t.test('votes that are older than the sentinels wait decide nothing', async (t) => {
  const scene = world({})
  let asked = 0
  const conduct = { ...scene.conduct, now: () => asked++ === 0 ? NOW : NOW + 2501 }
  t.equal((await holdElection(ofTheDead, scene.electorate, conduct)).outcome, 'Overtaken')
  t.strictSame(scene.sent, VOTES)
})

await t.test('how much a former master wrote beyond its successor is told', async (t) => {
  const scene = world({ lastOffset: 900 })
  t.equal((await holdElection(planned, scene.electorate, scene.conduct)).behind, 800)
})
