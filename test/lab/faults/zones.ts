// Zones that are cut off from each other, with clients on both sides: 38, 39; and the master alone: 8.
import { fenceBoundMs } from '../bounds.ts'
import { CLIENTS } from '../network.ts'
import { addressesOf, type Pod } from '../pod.ts'
import { connection, REDIS_PORT } from '../questions.ts'
import type { Fault, Run } from './run.ts'

const ELECTING_MS = 600
const DEMOTED_MS = 2000

export interface Side {
  /** The side of the master, without a majority of the sentinels. The probe and the clients of the Service are on the other one. */
  readonly pods: readonly Pod[]
  readonly seconds: number
  /** The other side has too few redis pods to take writes until it is over. */
  readonly tooFew?: boolean
}

/** A client inside stays with the cut-off master for as long as that takes its writes. */
export async function splitOff (run: Run, { pods, seconds, tooFew = false }: Side): Promise<void> {
  const { lab, plane, writer, master, check, figure, time } = run
  const former = lab.pod('redis', master())
  const inside = await run.client('inside', async () => {
    const redis = connection(former.ip(), REDIS_PORT)
    await redis.connect()
    return redis
  })
  const others = lab.pods().filter((pod) => !pods.includes(pod))
  const outside = [CLIENTS].map(lab.network.address).concat(plane.probe.address, addressesOf(others))
  const { downAfterMilliseconds } = lab.spec()
  const bound = fenceBoundMs(lab)

  const from = performance.now()
  await Promise.all(pods.map(({ sandbox }) => sandbox.cutFrom(outside)))
  run.mayLose(former, from, bound)
  const elected = await time('another master', async () => (await lab.masters()).some((ordinal) => ordinal !== former.ordinal), 40)
  figure('another master', elected, downAfterMilliseconds + ELECTING_MS)
  await time(`${seconds} seconds`, () => performance.now() - from > seconds * 1000)

  const last = inside.last(() => true)?.at ?? from
  figure('last write acknowledged inside', last - from, bound)
  check(`a write was acknowledged inside after ${Math.round(last - from)} ms`, last - from <= bound)
  const first = writer.first(({ at, by }) => at > from + bound && by !== former.ip())?.at
  if (!tooFew) {
    check('nobody outside could write', first !== undefined)
    figure('write gap outside', run.gap(), downAfterMilliseconds + ELECTING_MS)
  }
  const both = Math.max(0, last - (first ?? last))
  figure('two masters took writes', both, 0)
  check(`two masters took writes for ${Math.round(both)} ms`, both === 0)

  await Promise.all(pods.map(({ sandbox }) => sandbox.restore()))
  const demoted = await time('the former master follows', async () => !(await lab.masters()).includes(former.ordinal))
  figure('former master demoted', demoted, DEMOTED_MS)
}

/** One sentinel is on the master's side, and so many replicas. */
async function zones (run: Run, replicas: number): Promise<void> {
  const { lab, master, others } = run
  const near = others().slice(0, replicas).map((ordinal) => lab.pod('redis', ordinal))
  const pods = [lab.pod('redis', master()), ...near, lab.pod('sentinel', 0)]
  const left = lab.spec().redisReplicas - 1 - replicas
  await splitOff(run, { pods, seconds: 30, tooFew: left < 3 })
}

export const zoneFaults: readonly Fault[] = [
  { number: 38, name: 'zone split 3+3, 30 s: master, a replica, a sentinel on one side', inject: (run) => zones(run, 1) },
  {
    number: 39,
    name: 'zone split 5+3, 30 s: master, one or two replicas, a sentinel on one side',
    options: { redisReplicas: 5 },
    inject: (run) => zones(run, run.random() < 0.5 ? 1 : 2),
  },
]
