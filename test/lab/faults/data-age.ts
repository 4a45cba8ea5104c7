// How old the data of a volume is, when files and clocks say something else: 42, 47.
import { readdir, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { sleep } from '../questions.ts'
import { shuffled } from '../random.ts'
import type { Fault, Run } from './run.ts'

/** Ages that differ by less are not told apart: the stamp is written every two seconds, and gives three more. */
const APART_MS = 8000
const RESTARTED_MS = 15_000
/** The one with the old data starts three times before the other one does: no sentinel may act meanwhile, also on a busy machine. */
const PATIENT_MS = 20_000
const IN_2040 = new Date('2040-06-01T00:00:00Z')

/** As the kubelets do all the time: what a pod notes of its data, it notes now. */
async function ready ({ lab }: Run): Promise<void> {
  await Promise.all(lab.pods().map(({ kind, script }) => script(`${kind}-ready.sh`)))
}

/** A crash has cut the last entry, which redis repairs at the next start (aof-load-truncated): the file is young then. */
async function cutTail ({ lab }: Run, ordinal: number): Promise<void> {
  const folder = join(lab.data('redis', ordinal), 'appendonlydir')
  const last = (await readdir(folder)).filter((name) => name.endsWith('.incr.aof')).toSorted().at(-1) ?? ''
  const file = join(folder, last)
  await truncate(file, (await stat(file)).size - 7)
}

const hasLoaded = async ({ lab, time }: Run, ordinal: number) =>
  time(`redis ${ordinal} has loaded`, async () => (await lab.infos())[ordinal]?.['loading'] === '0')

const killAll = ({ lab }: Run) => Promise.all(lab.everybody().map(([kind, ordinal]) => lab.kill(kind, ordinal)))

/** One replica's old data has a young file, the other has everything, and the master's node never returns from the loss of power. */
async function truncated (run: Run): Promise<void> {
  const { lab, plane, writer, writes, master, others, time, figure, check } = run
  const former = master()
  const [fresh = 0, old = 0] = shuffled(others(), run.random)
  await ready(run)
  await writer.pause()
  await lab.level()
  await lab.durable()
  await lab.kill('redis', old)
  await cutTail(run, old)
  await sleep(APART_MS)
  writer.resume()
  await writes(500)
  await writer.pause()
  await lab.level()
  await lab.durable()
  await ready(run)
  await killAll(run)
  await sleep(APART_MS)
  for (const [kind, ordinal] of lab.everybody()) if (kind === 'sentinel') await plane.start(kind, ordinal)
  await plane.start('redis', old)
  await hasLoaded(run, old)
  await lab.kill('redis', old)
  await plane.start('redis', old)
  await hasLoaded(run, old)
  await plane.start('redis', fresh)
  const { downAfterMilliseconds } = lab.spec()
  figure('another master', await time('another master', async () => (await lab.masters()).length === 1), downAfterMilliseconds + 5000)
  check('the one with the old data is master', String(await lab.masters()) === String(fresh))
  writer.resume()
  await plane.start('redis', former)
}

/** Seconds from now until then. */
const untilThen = () => Math.round((IN_2040.getTime() - Date.now()) / 1000)

/**
 * The clock of a replica's node jumps to 2040 and its pod restarts; then every clock is there, and everything dies; at last all
 * clocks are right again, with files from the future. Each time everybody must start, and nobody but the master may serve.
 */
async function farAhead (run: Run): Promise<void> {
  const { lab, plane, writer, writes, master, others, time, figure, check } = run
  const [ahead = 0] = shuffled(others(), run.random)
  const pod = lab.pod('redis', ahead)
  const isLinked = async () => (await lab.infos())[ahead]?.['master_link_status'] === 'up'
  const restarted = async (what: string) => {
    await lab.kill('redis', ahead)
    await pod.dateFiles(IN_2040)
    await plane.start('redis', ahead)
    figure(what, await time(what, isLinked), RESTARTED_MS)
    await pod.script('redis-ready.sh')
  }
  await pod.shiftClock(untilThen())
  await restarted('a node in 2040')

  const former = master()
  for (const some of lab.pods()) await some.shiftClock(untilThen())
  await ready(run)
  await writes()
  await writer.pause()
  await lab.level()
  await lab.durable()
  await killAll(run)
  for (const some of lab.pods()) await some.dateFiles(IN_2040)
  await plane.startAll(shuffled(lab.everybody(), run.random))
  figure('all nodes in 2040', await time('all are back', async () => await lab.healed(RESTARTED_MS / 1000) >= 0), RESTARTED_MS)
  check('somebody else is master', String(await lab.masters()) === String(former))
  writer.resume()
  await writes()

  for (const some of lab.pods()) await some.shiftClock(0)
  await restarted('the clock is right, the files are not')
}

export const dataAgeFaults: readonly Fault[] = [
  { number: 42, name: 'old data in a young file, loss of power, the master never returns', short: true, options: { downAfterMilliseconds: PATIENT_MS }, inject: truncated },
  { number: 47, name: 'clocks and files are in 2040', inject: farAhead },
]
