// Planned handovers when a replica is not what it seems: 40, 41, 46.
import { ask, REDIS_PORT, SENTINEL_PORT, sleep } from '../questions.ts'
import type { Fault, Run } from './run.ts'

const PLANNED_MS = 300
const CUT_MS = 40_000

/** A replica that a person wants, and another one if there is one. */
function chosen ({ others, random }: Run): [wanted: number, other: number] {
  const [one = 0, two = 0] = others()
  return random() < 0.5 ? [one, two] : [two, one]
}

/**
 * The wanted replica gets nothing from the master any more, while the sentinels see both. Either it is cut off first, and a moment
 * later from the probe as well, or both when the switchover may be under way.
 */
async function cutFromMaster (run: Run): Promise<void> {
  const { lab, plane, master, check, figure, time, random } = run
  const [wanted] = chosen(run)
  const { sandbox } = lab.pod('redis', wanted)
  const former = lab.pod('redis', master())
  const isFirst = random() < 0.5
  if (isFirst) await sandbox.cutFrom([former.ip(), former.address()])
  plane.annotate(wanted)
  await sleep(1000)
  const wasWanted = (await lab.masters()).includes(wanted)
  await sandbox.cutFrom([former.ip(), former.address(), plane.probe.address])
  const from = performance.now()
  await time('nobody promotes the one that is cut off', async () =>
    performance.now() - from > CUT_MS || (!wasWanted && (await lab.masters()).includes(wanted)))
  check('the replica that was cut off is master', wasWanted || !(await lab.masters()).includes(wanted))
  if (!wasWanted) figure('write gap while it is cut off', run.gap(), PLANNED_MS)
  await sandbox.restore()
  figure('the switchover is done', await time('the switchover is done', () => plane.wanted() === undefined, 120))
}

/** The sentinels prefer it, and have figures of it from the time before. */
async function prefer ({ lab, time }: Run, ordinal: number): Promise<void> {
  const address = lab.redis[ordinal] ?? ''
  await ask(address, REDIS_PORT, 'CONFIG', 'SET', 'replica-priority', '1')
  for (const sentinel of lab.sentinels) {
    await time('the sentinels know whom to prefer', async () => {
      const replicas = await ask(sentinel, SENTINEL_PORT, 'SENTINEL', 'REPLICAS', 'mymaster') as string[][]
      const fields = replicas.find((replica) => replica.includes(address)) ?? []
      return fields[fields.indexOf('slave-priority') + 1] === '1'
    })
  }
}

/** As in a rolling update, where an updated pod is preferred. It answers the sentinels, but neither the master nor the probe. */
async function preferredIsSilent (run: Run): Promise<void> {
  const { lab, plane, master, writes, check, figure } = run
  const [silent] = chosen(run)
  const { sandbox } = lab.pod('redis', silent)
  const former = lab.pod('redis', master())
  await sandbox.cutFrom([former.ip(), former.address(), plane.probe.address])
  await prefer(run, silent)
  await writes(500)
  await plane.deletePod('redis', former.ordinal, { awayMs: 3000 })
  check('the silent replica is master', !(await lab.masters()).includes(silent))
  figure('write gap', run.gap(), PLANNED_MS)
  await sandbox.restore()
}

/** The other replica loses its link to the master in the same moment; four clients write. */
async function shortDownAfter (run: Run): Promise<void> {
  const { lab, plane, master, check, figure, time, random } = run
  for (const name of ['b', 'c', 'd']) await run.client(name, () => plane.throughService())
  const [wanted, other] = chosen(run)
  const { sandbox } = lab.pod('redis', other)
  const former = lab.pod('redis', master())
  const labels = plane.labelHistory().length
  const isFirst = random() < 0.5
  if (isFirst) await sandbox.cutFrom([former.ip(), former.address()])
  plane.annotate(wanted)
  if (!isFirst) {
    await sleep(1900)
    await sandbox.cutFrom([former.ip(), former.address()])
  }
  await sleep(9000)
  await sandbox.restore()
  await lab.healed(60)
  figure('the switchover is done', await time('the switchover is done', () => plane.wanted() === undefined, 120))
  const names = [former.name, ...plane.labelHistory().slice(labels)]
  const moves = names.filter((name, i) => i > 0 && name !== names[i - 1])
  check(`the label went to ${moves.join(', ')}`, moves.length <= 1)
  figure('write gap', run.gap(), PLANNED_MS)
}

const planned = (number: number, downAfterMilliseconds: number): Fault => ({
  number,
  name: `planned handover at down-after ${downAfterMilliseconds}, four clients`,
  options: { downAfterMilliseconds },
  inject: shortDownAfter,
})

export const plannedFaults: readonly Fault[] = [
  { number: 40, name: 'switchover to a replica that is cut off from the master only', inject: cutFromMaster },
  { number: 41, name: 'master pod deleted while the preferred replica is silent', inject: preferredIsSilent },
  planned(46, 500),
  planned(46.5, 1000),
]
