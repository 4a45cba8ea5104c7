import t from 'tap'
import { judge } from '../../src/probe/decide.ts'
import { NOTHING, whatToRemember } from '../../src/probe/memory.ts'
import type { Memory, Observation, Process } from '../../src/probe/observation.ts'
import { address, dead, id, lastMaster, master, names, NOW, observation, orphanOf, redis, slaveOf, unknown } from './observations.ts'

const agreed = [names(0), names(0), names(0)]
const leaving = redis(0, master, 'master', { presence: 'Leaving' })
const replica = redis(1, slaveOf(0), 'slave')
const paused = { uid: 'uid-0', from: NOW - 100, until: NOW + 900, reason: 'PodLeaves' } as const
const election = { epoch: 7, predecessor: address(0), at: NOW - 50, outcome: 'NotElected', failures: 2 } as const
const mark = (ago: number, offset: number) => ({ at: NOW - ago, offset, history: undefined, of: 'uid-0' })
const vote = { leader: id(2), epoch: 9 }

const cases: Record<string, [Observation, Partial<Memory>]> = {
  'a confirmed master is the one that the next must succeed':
    [observation([redis(0, master), replica], agreed), lastMaster(0)],
  'before one is confirmed it is the one with the label':
    [observation([redis(0, dead, 'master'), redis(1, orphanOf(0))], []), lastMaster(0)],
  'a confirmed one is not forgotten for a label':
    [observation([redis(0, unknown), redis(1, unknown, 'master')], [], lastMaster(0)), lastMaster(0)],
  'how much it had written, every half second':
    [observation([redis(0, master), replica], agreed, { ...lastMaster(0), marks: [mark(500, 90)] }), { ...lastMaster(0), marks: [mark(500, 90), mark(0, 100)] }],
  'not more often':
    [observation([redis(0, master), replica], agreed, { ...lastMaster(0), marks: [mark(499, 90)] }), { ...lastMaster(0), marks: [mark(499, 90)] }],
  'and one that is old enough':
    [observation([redis(0, master), replica], agreed, { ...lastMaster(0), marks: [mark(5000, 70), mark(3001, 80), mark(3000, 90), mark(500, 95)] }),
      { ...lastMaster(0), marks: [mark(3001, 80), mark(3000, 90), mark(500, 95), mark(0, 100)] }],
  'nothing of it when it has less now':
    [observation([redis(0, master), replica], agreed, { ...lastMaster(0), marks: [mark(900, 101)] }), { ...lastMaster(0), marks: [mark(0, 100)] }],
  'nor of the history before a restart':
    [observation([redis(0, { ...master, history: 'b' } as Process), replica], agreed, { ...lastMaster(0), marks: [{ ...mark(900, 90), history: 'a' }] }),
      { ...lastMaster(0), marks: [{ ...mark(0, 100), history: 'b' }] }],
  'nor of the master before':
    [observation([redis(0, master), replica], agreed, { ...lastMaster(1), marks: [{ ...mark(900, 90), of: 'uid-1' }] }), { ...lastMaster(0), marks: [mark(0, 100)] }],
  'it stays known when it is gone':
    [observation([redis(0, unknown, 'master'), replica], agreed, { ...lastMaster(0), marks: [mark(9000, 90)] }), { ...lastMaster(0), marks: [mark(9000, 90)] }],
  'since when the last master is dead':
    [observation([redis(0, dead, 'master'), redis(1, orphanOf(0))], agreed, lastMaster(0)), { ...lastMaster(0), vacantSince: NOW }],
  'and still is':
    [observation([redis(0, dead, 'master'), redis(1, orphanOf(0))], agreed, { ...lastMaster(0), vacantSince: NOW - 900 }), { ...lastMaster(0), vacantSince: NOW - 900 }],
  'an election that failed is remembered until the sentinels name another one':
    [observation([redis(0, dead, 'master'), redis(1, orphanOf(0))], agreed, { ...lastMaster(0), election }), { ...lastMaster(0), vacantSince: NOW, election }],
  'and then only its epoch counts':
    [observation([redis(0, dead, 'slave'), redis(1, master, 'master')], [names(1), names(1), names(1)], { ...lastMaster(0), election }),
      { ...lastMaster(1), election: { ...election, outcome: 'Accepted', failures: 0 } }],
  'since when a sentinel that is out of sight has a vote':
    [observation([redis(0, dead, 'master'), redis(1, orphanOf(0))], [names(0, { vote }), names(0), undefined], lastMaster(0)),
      { ...lastMaster(0), vacantSince: NOW, rival: { ...vote, since: NOW } }],
  'and still has':
    [observation([redis(0, dead, 'master'), redis(1, orphanOf(0))], [names(0, { vote }), names(0), undefined], { ...lastMaster(0), rival: { ...vote, since: NOW - 900 } }),
      { ...lastMaster(0), vacantSince: NOW, rival: { ...vote, since: NOW - 900 } }],
  'a vote for one that answers says nothing: it says itself whether it fails over':
    [observation([redis(0, dead, 'master'), redis(1, orphanOf(0))], [names(0, { vote }), names(0), names(0)], lastMaster(0)), { ...lastMaster(0), vacantSince: NOW }],
  'nor a vote in an epoch that is published':
    [observation([redis(0, dead, 'master'), redis(1, orphanOf(0))], [names(0, { vote, configEpoch: 9 }), names(0), undefined], lastMaster(0)), { ...lastMaster(0), vacantSince: NOW }],
  'since when the master\'s pod leaves':
    [observation([leaving, replica], agreed), { ...lastMaster(0), leavingSince: NOW }],
  'and still does':
    [observation([leaving, replica], agreed, { leavingSince: NOW - 700 }), { ...lastMaster(0), leavingSince: NOW - 700 }],
  'and still does while its process is silent':
    [observation([{ ...leaving, process: unknown }, replica], agreed, { ...lastMaster(0), leavingSince: NOW - 700 }), { ...lastMaster(0), leavingSince: NOW - 700 }],
  'another master does not leave because the one before did':
    [observation([redis(0, slaveOf(1), 'slave', { presence: 'Leaving' }), redis(1, master, 'master')], [names(1), names(1), names(1)], { leavingSince: NOW - 700 }), lastMaster(1)],
  'a pause, as long as its pod says master':
    [observation([leaving, replica], agreed, { paused, leavingSince: NOW - 700 }), { ...lastMaster(0), leavingSince: NOW - 700, paused }],
  'and until it may be tried again':
    [observation([redis(0, master, 'master'), replica], agreed, { paused: { ...paused, until: NOW - 2999 } }), { ...lastMaster(0), paused: { ...paused, until: NOW - 2999 } }],
  'and not for longer':
    [observation([redis(0, master, 'master'), replica], agreed, { paused: { ...paused, until: NOW - 3000 } }), lastMaster(0)],
  'and though its pod did not answer this time':
    [observation([redis(0, unknown, 'master'), replica], agreed, { ...lastMaster(0), paused }), { ...lastMaster(0), paused }],
  'when there last was a master':
    [observation([redis(0, unknown, 'master'), replica], agreed, { ...lastMaster(0), masterAt: NOW - 900 }), { ...lastMaster(0), masterAt: NOW - 900 }],
  'or when a majority of the sentinels had last heard it, for this probe may be the only one that does not':
    [observation([redis(0, unknown, 'master'), replica], [names(0, { quietMs: 100 }), names(0, { quietMs: 300 }), names(0, { quietMs: 9000 })], { ...lastMaster(0), masterAt: NOW - 900 }), { ...lastMaster(0), masterAt: NOW - 300 }],
  'one is no majority':
    [observation([redis(0, unknown, 'master'), replica], [names(0, { quietMs: 100 }), names(0), undefined], { ...lastMaster(0), masterAt: NOW - 900 }), { ...lastMaster(0), masterAt: NOW - 900 }],
  'nor do those count that monitor another one':
    [observation([redis(0, unknown, 'master'), replica], [1, 1, 1].map((n) => names(n, { quietMs: 100 })), { ...lastMaster(0), masterAt: NOW - 900 }), { ...lastMaster(0), masterAt: NOW - 900 }],
  'and no pause of one that yielded':
    [observation([{ ...leaving, process: slaveOf(1) }, redis(1, master, 'master')], [names(1), names(1), names(1)], { paused }), lastMaster(1)],
}

const confirmedNow = (of: string) => ({ masterAt: NOW, marks: [{ at: NOW, offset: 100, history: undefined, of }] })

for (const [name, [seen, expected]] of Object.entries(cases)) {
  await t.test(name, async (t) => {
    const verdict = judge(seen)
    t.strictSame(whatToRemember(seen, verdict), { ...NOTHING, ...verdict.kind === 'confirmed' && confirmedNow(verdict.master.uid), ...expected })
  })
}
