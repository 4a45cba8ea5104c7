/** What must hold for every observation, likely or not. */
import fc from 'fast-check'
import t from 'tap'
import { decide, judge } from '../../src/probe/decide.ts'
import type { Observation, Process, RedisView, SentinelAnswer } from '../../src/probe/observation.ts'
import { address, after, dead, master, NOW, observation, redis, slaveOf, unknown } from './observations.ts'

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
  fc.record({ named: anyAddress, monitored: anyAddress, failingOver: fc.boolean(), configEpoch: fc.nat(3) }), { nil: undefined })
const anyObservation: fc.Arbitrary<Observation> = fc.record({
  pods: fc.tuple(anyPod(0), anyPod(1), anyPod(2), anyPod(3)),
  answers: fc.oneof(fc.array(anyAnswer, { maxLength: 5 }), fc.nat(PODS).map((n) => Array(5).fill({ named: address(n), monitored: address(n), failingOver: false, configEpoch: 1 }))),
  sentinelReplicas: fc.constantFrom(3, 5),
  last: fc.option(fc.nat(PODS), { nil: undefined }),
}).map(({ pods, answers, sentinelReplicas, last }) =>
  observation([...pods], answers, { sentinelReplicas, lastMaster: last === undefined ? undefined : { uid: `uid-${last}`, address: address(last) } }))

const mayWrite = ({ process }: RedisView) => process.kind === 'master' || process.kind === 'unknown'
const labelledAndWritable = (seen: Observation) => seen.redis.filter((pod) => pod.label === 'master' && mayWrite(pod)).length

async function holds (name: string, property: (seen: Observation) => boolean): Promise<void> {
  await t.test(name, async () => { fc.assert(fc.property(anyObservation, property), { numRuns: 1000, seed: 20261123 }) })
}

await holds('the same observation gives the same actions', (seen) => JSON.stringify(decide(seen)) === JSON.stringify(decide(structuredClone(seen))))

await holds('no label is given to a second pod while another that may be writable has it, at any prefix of the label actions', (seen) => {
  // Commands run beside the labels and may fail: the labels must be right without them.
  let world = seen
  for (const action of decide(seen).filter(({ kind }) => kind === 'label')) {
    const before = labelledAndWritable(world)
    world = after(world, action)
    if (labelledAndWritable(world) > Math.max(1, before)) return false
    if (action.kind === 'label' && action.role === 'master' && labelledAndWritable(world) > 1) return false
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

await holds('nothing but labels of replicas without a confirmed master', (seen) =>
  judge(seen).kind === 'confirmed' || decide(seen).every((action) => action.kind === 'label' && action.role === 'slave' && action.pod.process.kind !== 'master'))

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
  return decide(seen).every((action) => action.kind === 'label' || (verdict.kind === 'confirmed' && action.master === verdict.address))
})

await holds('a pod that does not answer keeps its label unless another one is confirmed', (seen) =>
  judge(seen).kind === 'confirmed' || decide(seen).every((action) => action.pod.process.kind !== 'unknown'))
