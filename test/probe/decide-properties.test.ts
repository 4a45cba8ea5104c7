/** What must hold for every observation, likely or not. */
import fc from 'fast-check'
import t from 'tap'
import { decide, judge } from '../../src/probe/decide.ts'
import type { Observation, Process, RedisView, SentinelAnswer } from '../../src/probe/observation.ts'
import { address, after, dead, master, NOW, observation, orphanOf, redis, sentinel, slaveOf, unknown } from './observations.ts'

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
  fc.record({ named: anyAddress, monitored: anyAddress, failingOver: fc.boolean(), objectivelyDown: fc.boolean(), configEpoch: fc.nat(3) }), { nil: undefined })
const agreed = (n: number) => ({ named: address(n), monitored: address(n), failingOver: false, objectivelyDown: false, configEpoch: 1 })
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
const anySentinel = (ordinal: number) => fc.record({
  answer: fc.oneof({ weight: 4, arbitrary: fc.constant(agreed(0)) }, { weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: anyAnswer }), connected: fc.boolean(),
}).map(({ answer, connected }) => sentinel(ordinal, answer, connected || answer !== undefined))
const anyVacancy: fc.Arbitrary<Observation> = fc.record({
  first: fc.oneof({ weight: 5, arbitrary: fc.constant(redis(0, dead, 'master')) }, { weight: 1, arbitrary: anyPod(0) }),
  heirs: fc.tuple(anyHeir(1), anyHeir(2)),
  sentinels: fc.tuple(anySentinel(0), anySentinel(1), anySentinel(2), anySentinel(3)),
  redisReplicas: fc.constantFrom(3, 3, 4),
  vacantSince: fc.constantFrom(undefined, NOW, NOW - 25_000, NOW - 25_001),
  asked: fc.option(fc.record({
    address: anyAddress, sentinel: fc.nat(3).map((n) => `sentinel-uid-${n}`), at: fc.constantFrom(NOW - 100, NOW - 1000, NOW - 10_000), answer: fc.constantFrom('Accepted', 'InProgress', 'NoGoodReplica', 'Lost'),
  }), { nil: undefined }),
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
  if (judge(seen).kind !== 'confirmed') return true
  const world = decide(seen).reduce(after, seen)
  return decide(world).every((action) => action.kind !== 'label' || (action.role === 'slave' && action.pod.label !== 'master'))
})

await holds('the master label goes to a pod that says master, and to one only', (seen) => {
  const crowned = decide(seen).flatMap((action) => action.kind === 'label' && action.role === 'master' ? [action.pod] : [])
  return crowned.length <= 1 && crowned.every(({ process }) => process.kind === 'master')
})

await holds('nothing but labels of replicas and a failover without a confirmed master', (seen) =>
  judge(seen).kind === 'confirmed' || decide(seen).every((action) => action.kind === 'failover' || (action.kind === 'label' && action.role === 'slave' && action.pod.process.kind !== 'master')))

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
  return decide(seen).every((action) => !('master' in action) || action.kind === 'failover' || (verdict.kind === 'confirmed' && action.master === verdict.address))
})

await holds('a pod that does not answer keeps its label unless another one is confirmed', (seen) =>
  judge(seen).kind === 'confirmed' || decide(seen).every((action) => action.pod.process.kind !== 'unknown'))

const failovers = (seen: Observation) => decide(seen).flatMap((action) => action.kind === 'failover' && 'replicas' in action ? [action] : [])
const slaves = ({ redis }: Observation) => redis.flatMap(({ process, followed }) => process.kind === 'slave' ? [{ ...process, followed }] : [])
/** The property, of each failover; and that there were some. */
async function failoverHolds (name: string, property: (seen: Observation, failover: ReturnType<typeof failovers>[number]) => boolean): Promise<void> {
  let count = 0
  await t.test(name, async (t) => {
    fc.assert(fc.property(anyVacancy, (seen) => failovers(seen).every((failover) => { count += 1; return property(seen, failover) })), { numRuns: 3000, seed: 20261124 })
    t.ok(count > 100, `${count} failovers`)
  })
}

await holds('no failover while anybody may be writable', (seen) => failovers(seen).length === 0 || !seen.redis.some(mayWrite))

await holds('never two sentinels are told to fail over, and none that cannot be seen', (seen) =>
  failovers(seen).length <= 1 && failovers(seen).every(({ sentinel: { answer, ordinal } }) => answer !== undefined && ordinal < seen.sentinelReplicas))

await failoverHolds('somebody can succeed: a replica that lost the dead master, with data of its stream', (seen, { pod, master: address }) =>
  pod.process.kind === 'dead' && slaves(seen).some(({ master, link, offset, followed }) => master === address && followed === address && link !== 'connected' && offset > 1))

await failoverHolds('whomever the sentinel takes, it is said who has what of all that live; and nobody is fresh', (seen, { replicas }) =>
  seen.redis.every(({ address = '', process, followed }) =>
    process.kind !== 'slave' || (replicas.get(address)?.offset === process.offset && process.offset > 1 && followed !== undefined)))

await failoverHolds('no sentinel that answers names another master or is at it already', (seen, { master: address }) =>
  seen.sentinels.every(({ answer, ordinal }) => ordinal >= seen.sentinelReplicas || !answer || (answer.named === address && !answer.failingOver)))

await failoverHolds('a majority names the dead one, or the sentinels had all the time that they need', (seen, { master: address, reason }) => {
  const votes = seen.sentinels.filter(({ answer, ordinal }) => ordinal < seen.sentinelReplicas && answer?.named === address).length
  return reason === 'ProvenDead'
    ? votes * 2 > seen.sentinelReplicas
    : NOW - seen.vacantSince! > seen.downAfterMilliseconds + 2 * seen.failoverTimeout && slaves(seen).length === seen.redisReplicas - 1
})

await failoverHolds('one that may have been accepted is not asked for again, and not elsewhere while its sentinel is there', ({ asked, sentinels }, { master: address, sentinel }) => {
  const sameDeath = asked?.address === address
  const before = sentinels.find(({ uid, ordinal, isConnected }) => uid === asked?.sentinel && ordinal < 3 && isConnected)
  return (!sameDeath || asked.answer === 'NoGoodReplica' || NOW - asked.at >= 10_000) && (!before || before.uid === sentinel.uid)
})

await failoverHolds('of those that may answer it is the lowest, unless another was asked before', ({ asked, sentinels }, { sentinel }) =>
  sentinels.every(({ ordinal, isConnected }) => ordinal >= sentinel.ordinal || !isConnected) || asked?.sentinel === sentinel.uid)
