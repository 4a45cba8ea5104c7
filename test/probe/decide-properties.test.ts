/** What must hold for every observation, likely or not. */
import fc from 'fast-check'
import t from 'tap'
import { decide, judge } from '../../src/probe/decide.ts'
import type { Observation, Process, RedisView, SentinelAnswer } from '../../src/probe/observation.ts'
import { address, after, dead, id, master, names, NOW, observation, orphanOf, OWN_ID, redis, sentinel, slaveOf, unknown } from './observations.ts'

const PODS = 4
const anyAddress = fc.nat(PODS).map(address)
const anyProcess: fc.Arbitrary<Process> = fc.oneof(fc.constantFrom(master, dead, unknown), fc.nat(PODS).map(slaveOf))
const anyPod = (n: number): fc.Arbitrary<RedisView> => fc.record({
  process: anyProcess,
  label: fc.constantFrom('master', 'slave', undefined, 'other'),
  address: fc.constantFrom(address(n), address(n), address(n), undefined),
  masterSince: fc.constantFrom(NOW, NOW - 10, NOW - 10_000),
  followed: fc.option(anyAddress, { nil: undefined }),
}).map(({ process, label, masterSince, ...rest }) => redis(n, process, label, {
  ...rest, masterSince: process.kind === 'master' ? masterSince : undefined,
}))
const anyAnswer: fc.Arbitrary<SentinelAnswer | undefined> = fc.option(
  fc.record({ named: anyAddress, monitored: anyAddress, failingOver: fc.boolean(), subjectivelyDown: fc.boolean(), quietMs: fc.constantFrom(0, 5000, Infinity), configEpoch: fc.nat(3), vote: fc.option(fc.record({ leader: fc.constantFrom(id(0), id(2), OWN_ID), epoch: fc.nat(5) }), { nil: undefined }) }), { nil: undefined })
const agreed = (n: number) => names(n)
const down = names(0, { subjectivelyDown: true })
const anyScene: fc.Arbitrary<Observation> = fc.record({
  pods: fc.tuple(anyPod(0), anyPod(1), anyPod(2), anyPod(3)),
  answers: fc.oneof(fc.array(anyAnswer, { maxLength: 5 }), fc.nat(PODS).map((n) => Array(5).fill(agreed(n)))),
  sentinelReplicas: fc.constantFrom(3, 5),
  last: fc.option(fc.nat(PODS), { nil: undefined }),
}).map(({ pods, answers, sentinelReplicas, last }) =>
  observation([...pods], answers, { sentinelReplicas, lastMaster: last === undefined ? undefined : { uid: `uid-${last}`, address: address(last) } }))

/** Close to a death that calls for a failover, with anything amiss: the chance alone would hardly ever get there. */
const anyHeir = (n: number): fc.Arbitrary<RedisView> => fc.record({
  process: fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...[0, 1, 99, 100, 100, 100, 100].map((offset) => orphanOf(0, offset))) }, { weight: 1, arbitrary: anyProcess }),
  followed: fc.constantFrom(address(0), address(0), address(0), address(0), undefined, address(7)),
}).map(({ process, followed }) => redis(n, process, 'slave', { followed }))
const anySentinel = (ordinal: number) => fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(agreed(0), agreed(0), down) }, { weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: anyAnswer },
).map((answer) => sentinel(ordinal, answer))
const anyVacancy: fc.Arbitrary<Observation> = fc.record({
  first: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(redis(0, dead, 'master'), redis(0, unknown, 'master')) }, { weight: 1, arbitrary: anyPod(0) }),
  heirs: fc.tuple(anyHeir(1), anyHeir(2)),
  sentinels: fc.tuple(anySentinel(0), anySentinel(1), anySentinel(2), anySentinel(3)),
  redisReplicas: fc.constantFrom(3, 3, 4),
  vacantSince: fc.constantFrom(undefined, NOW, NOW - 25_000, NOW - 25_001),
  election: fc.option(fc.record({
    epoch: fc.nat(9), predecessor: anyAddress, at: fc.constantFrom(NOW, NOW - 100, NOW - 1000, NOW - 100_000), outcome: fc.constantFrom('Accepted', 'NotElected', 'NotPromoted', 'NotPublished'), failures: fc.nat(5),
  }), { nil: undefined }),
  rival: fc.option(fc.record({ leader: fc.constant(id(2)), epoch: fc.nat(5), since: fc.constantFrom(NOW, NOW - 100_000) }), { nil: undefined }),
}).map(({ first, heirs, sentinels, ...more }) => observation([first, ...heirs], [], { sentinels, lastMaster: { uid: 'uid-0', address: address(0) }, ...more }))
const anyObservation = fc.oneof(anyScene, anyVacancy)

const mayWrite = ({ process }: RedisView) => process.kind === 'master' || process.kind === 'unknown'
const labelledAndWritable = (seen: Observation) => seen.redis.filter((pod) => pod.label === 'master' && mayWrite(pod)).length

async function holds (name: string, property: (seen: Observation) => boolean): Promise<void> {
  await t.test(name, async () => { fc.assert(fc.property(anyObservation, property), { numRuns: 1000, seed: 20261123 }) })
}

await holds('the same observation gives the same actions', (seen) => JSON.stringify(decide(seen)) === JSON.stringify(decide(structuredClone(seen))))

await holds('no label is given to a second pod while another that may be writable has it, at any prefix of the label actions', (seen) => {
  // Commands run beside the labels and may fail: the labels must be right without them.
  let world = seen
  for (const action of decide(seen)) {
    if (action.kind !== 'label') continue
    const before = labelledAndWritable(world)
    world = after(world, action)
    if (labelledAndWritable(world) > Math.max(1, before)) return false
    if (action.role === 'master' && labelledAndWritable(world) > 1) return false
  }
  return true
})

/** Looks again until nothing is left to do: a demoted pod is labelled by the next look, when it says slave. */
function rounds (seen: Observation, limit: number): number {
  const actions = decide(seen)
  return actions.length === 0 || limit === 0 ? 0 : 1 + rounds(actions.reduce(after, seen), limit - 1)
}

await holds('a fixed point is reached, and soon', (seen) => rounds(seen, 10) <= 3)

await holds('once confirmed, a master label does not move by looking again', (seen) => {
  // what comes after an election is for the next look
  if (judge(seen).kind !== 'confirmed' || decide(seen).some(({ kind }) => kind === 'elect')) return true
  const world = decide(seen).reduce(after, seen)
  return decide(world).every((action) => action.kind !== 'label' || (action.role === 'slave' && action.pod.label !== 'master'))
})

await holds('the master label goes to a pod that says master, and to one only', (seen) => {
  const crowned = decide(seen).flatMap((action) => action.kind === 'label' && action.role === 'master' ? [action.pod] : [])
  return crowned.length <= 1 && crowned.every(({ process }) => process.kind === 'master')
})

await holds('nothing but labels of replicas and an election without a confirmed master', (seen) =>
  judge(seen).kind === 'confirmed' || decide(seen).every((action) => action.kind === 'elect' || (action.kind === 'label' && action.role === 'slave' && action.pod.process.kind !== 'master')))

await holds('without an answer of any sentinel and without a known master nobody becomes master', (seen) => {
  const blind = { ...seen, sentinels: [], lastMaster: undefined, redis: seen.redis.map((pod) => ({ ...pod, label: undefined })) }
  return decide(blind).every((action) => action.kind === 'label' && action.role === 'slave')
})

await holds('only a majority of the configured sentinels demotes, and never the one it names', (seen) => decide(seen).every((action) => {
  if (action.kind !== 'demote') return true
  const votes = seen.sentinels.filter(({ ordinal, answer }) => ordinal < seen.sentinelReplicas && answer?.named === action.master)
  return votes.length * 2 > seen.sentinelReplicas && action.pod.address !== action.master
}))

await holds('everybody is told to follow the same, confirmed master', (seen) => {
  const verdict = judge(seen)
  return decide(seen).every((action) => !('master' in action) || (verdict.kind === 'confirmed' && action.master === verdict.address))
})

await holds('a pod that does not answer keeps its label unless another one is confirmed', (seen) =>
  judge(seen).kind === 'confirmed' || decide(seen).every((action) => action.kind === 'tell' || action.kind === 'elect' || action.pod.process.kind !== 'unknown'))

const elections = (seen: Observation) => decide(seen).flatMap((action) => action.kind === 'elect' ? [action] : [])
type Elect = ReturnType<typeof elections>[number]
const slaves = ({ redis }: Observation) => redis.flatMap(({ process, followed, pod }) => process.kind === 'slave' ? [{ ...process, followed, pod }] : [])
const offset = ({ process }: RedisView) => process.kind === 'slave' ? process.offset : -1
/** The property, of each election; and that there were some. */
async function electionHolds (name: string, property: (seen: Observation, election: Elect) => boolean): Promise<void> {
  let count = 0
  await t.test(name, async (t) => {
    fc.assert(fc.property(anyVacancy, (seen) => elections(seen).every((election) => { count += 1; return property(seen, election) })), { numRuns: 3000, seed: 20261124 })
    t.ok(count > 100, `${count} elections`)
  })
}

await holds('no election while anybody else may be writable, unless a majority finds it down', (seen) => elections(seen).every(({ pod, predecessor, reason }) =>
  seen.redis.every((other) => other === pod || other.process.kind !== 'master') &&
    (reason === 'FoundDown' || reason === 'NotPublished' || seen.redis.every(({ address, process }) => address !== predecessor || process.kind === 'dead'))))

await electionHolds('there is one election in a look, and it is asked of sentinels that answer', (seen, { voters }) =>
  elections(seen).length === 1 && voters.every(({ answer, ordinal }) => answer !== undefined && ordinal < seen.sentinelReplicas))

await electionHolds('who is promoted was in the stream of the one to be succeeded, and is not fresh', (_, { pod, predecessor, reason }) => reason === 'NotPublished'
  ? pod.process.kind === 'master'
  : pod.process.kind === 'slave' && pod.process.master === predecessor && pod.followed === predecessor && pod.process.offset > 1)

await electionHolds('nobody who was in the stream has more', (seen, { pod, predecessor, reason }) =>
  reason === 'NotPublished' || slaves(seen).every(({ master, followed, offset: other }) => master !== predecessor || followed !== predecessor || other <= offset(pod)))

await electionHolds('nobody is out of sight who may have more, unless it is lost as well', (seen, { predecessor, reason }) =>
  reason === 'NotPublished' || seen.redis.every(({ process, address, silentSince }) => process.kind !== 'unknown' || address === predecessor ||
    (NOW - (silentSince ?? NOW) >= seen.downAfterMilliseconds)))

await electionHolds('no sentinel that answers names another master or is at it already', (seen, { pod, predecessor, reason }) =>
  seen.sentinels.every(({ answer, ordinal }) => ordinal >= seen.sentinelReplicas || !answer ||
    (reason === 'NotPublished' ? [predecessor, pod.address].includes(answer.named) : answer.named === predecessor && !answer.failingOver)))

await electionHolds('a majority of votes is needed, or the sentinels had all the time that they need', (seen, { reason, votesNeeded, voters }) =>
  reason === 'LastResort'
    ? votesNeeded === voters.length && NOW - seen.vacantSince! > seen.downAfterMilliseconds + 2 * seen.failoverTimeout && slaves(seen).length === seen.redisReplicas - 1
    : votesNeeded * 2 > seen.sentinelReplicas)

await electionHolds('its epoch is beyond every one that was seen or used', (seen, { epoch }) =>
  seen.sentinels.every(({ answer, ordinal }) => ordinal >= seen.sentinelReplicas || !answer || (answer.configEpoch < epoch && (answer.vote?.epoch ?? 0) < epoch)) &&
    (seen.election?.epoch ?? 0) < epoch)
