// Troubles of make chaos between the pods: lines that are cut, in both directions or in one. The test's own address is never cut,
// so the clients go on with a cut-off master for as long as that lets them.
import { STALE_MS } from '../../src/probe/decide-succession.ts'
import { fenceBoundMs } from './bounds.ts'
import { addressesOf, type Pod } from './pod.ts'
import { sleep } from './questions.ts'
import { shuffled } from './random.ts'
import { anyReplica, anySentinel, between, type Context, type Trouble } from './trouble.ts'

const LONGEST_MS = 20_000
/** A replica that has been out of the stream for less may still be promoted. The probe looks every 1.5 s. */
const OUT_OF_STREAM_MS = STALE_MS + 1500
/** The start script tells it by times that are whole seconds; a sentinel asks every second. */
const OUT_AT_START_MS = 8000

/** Every packet, the clients' as well. */
const cut = (of: (context: Context) => Pod) => async (context: Context) => {
  const pod = of(context)
  context.mayLose([pod], performance.now(), fenceBoundMs(context.lab))
  await pod.sandbox.cutOff()
  await sleep(between(context, 500, 15_000))
  await pod.sandbox.restore()
}

async function fromPeers (context: Context): Promise<void> {
  const { lab, master } = context
  const alone = lab.pod('redis', master())
  context.mayLose([alone], performance.now(), fenceBoundMs(lab))
  await alone.sandbox.cutFrom(addressesOf(lab.pods().filter((pod) => pod !== alone)))
  await sleep(between(context, 500, 15_000))
  await alone.sandbox.restore()
}

/** The sentinels and the probe see both. The replica, which may restart meanwhile, lacks all that the master writes. */
async function withoutReplica (context: Context): Promise<void> {
  const { lab, plane, master, random } = context
  const [former, replica] = [lab.pod('redis', master()), lab.pod('redis', anyReplica(context))]
  const restarts = random() < 0.5
  const cutMs = between(context, 500, LONGEST_MS)
  context.note(`redis ${replica.ordinal}${restarts ? ', which restarts' : ''}, after ${Math.round(cutMs)} ms`)
  context.mayLose([former], performance.now(), restarts ? OUT_AT_START_MS : OUT_OF_STREAM_MS)
  await replica.sandbox.cutFrom([former.ip(), former.address()])
  await sleep(cutMs)
  if (restarts) await plane.crash('redis', replica.ordinal, { afterMs: 0 })
  await sleep(between(context, 0, 1000))
  const crash = plane.crash('redis', former.ordinal, { afterMs: between(context, 0, 15_000) })
  await sleep(between(context, 0, 10_000))
  await replica.sandbox.restore()
  await crash
}

/** Two zones at random; the probe is in one of them. The one without a majority of the sentinels is the one that may lose. */
async function zones (context: Context): Promise<void> {
  const { lab, plane, random } = context
  const pods = shuffled(lab.pods(), random)
  const count = 1 + Math.floor(random() * (pods.length - 1))
  const sides = [pods.slice(0, count), pods.slice(count)] as const
  const probeIn = random() < 0.5 ? 0 : 1
  const sentinels = (side: readonly Pod[]) => side.filter(({ kind }) => kind === 'sentinel').length
  const small = sentinels(sides[0]) < sentinels(sides[1]) ? sides[0] : sides[1]
  context.note(`{${sides.map((side, i) => [...side.map(({ kind, ordinal }) => `${kind[0]}${ordinal}`), ...i === probeIn ? ['probe'] : []].join(' ')).join('} {')}}`)
  context.mayLose(small, performance.now(), fenceBoundMs(lab))
  const [near, far] = sides
  const beyond = [...addressesOf(far), ...probeIn === 1 ? [plane.probe.address] : []]
  await Promise.all(near.map(({ sandbox }) => sandbox.cutFrom(beyond)))
  if (probeIn === 0) await plane.probe.sandbox.cutFrom(addressesOf(far))
  await sleep(between(context, 500, LONGEST_MS))
  await Promise.all([...near.map(({ sandbox }) => sandbox.restore()), plane.probe.sandbox.restore()])
}

/** What one pod sends to some of the others is lost, or what they send to it. */
async function oneWay (context: Context): Promise<void> {
  const { lab, plane, random } = context
  const [pod, ...others] = shuffled(lab.pods(), random)
  if (!pod) return
  const share = random() < 0.5 ? 1 : 0.5
  const some = addressesOf(others.filter(() => random() < share))
  const probe = random() < 0.5 ? [plane.probe.address] : []
  const [direction = 'in'] = shuffled(['in', 'out', ...pod.kind === 'redis' ? ['to redis'] as const : []] as const, random)
  context.note(`${pod.kind} ${pod.ordinal} ${direction}, ${some.length / 2} others${probe.length > 0 ? ' and the probe' : ''}`)
  context.mayLose([pod], performance.now(), fenceBoundMs(lab))
  await pod.sandbox.cutFrom([...some, ...probe], direction)
  await sleep(between(context, 500, LONGEST_MS))
  await pod.sandbox.restore()
}

export const partitions: readonly Trouble[] = [
  { name: 'master cut off', touches: 'redis', make: cut(({ lab, master: of }) => lab.pod('redis', of())) },
  { name: 'replica cut off', touches: 'redis', make: cut((context) => context.lab.pod('redis', anyReplica(context))) },
  { name: 'master cut off from its peers only', touches: 'redis', make: fromPeers },
  { name: 'replica cut off from the master, which crashes', touches: 'redis', make: withoutReplica },
  { name: 'sentinel cut off', touches: 'sentinel', make: cut((context) => context.lab.pod('sentinel', anySentinel(context))) },
  { name: 'zone split', touches: 'everything', alone: true, make: zones },
  { name: 'one-way cut', touches: 'everything', alone: true, make: oneWay },
]
