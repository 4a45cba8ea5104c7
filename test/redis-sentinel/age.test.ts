// How new a pod's data is, as it tells the sentinels.
import { rmSync, utimesSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { createWorld, named, SHELLS, withData } from './script-world.ts'

const NOW = Math.floor(Date.now() / 1000)
const YEAR_2040 = 2_208_988_800

interface Age {
  readonly written: number
  readonly inStream?: number | string
  readonly clock?: number
}

/** The replica-priority of a pod that starts as a replica. */
async function priority (t: Test, { written, inStream, clock = NOW }: Age, shell = SHELLS.dash): Promise<number> {
  const world = createWorld(t, { shell, ordinal: 1, answers: named('fd00::10') })
  // it may be a link to the machine's own busybox
  rmSync(world.file('bin', 'date'), { force: true })
  writeFileSync(world.file('bin', 'date'), `#!/bin/sh\necho ${clock}\n`, { mode: 0o755 })
  const data = withData(world)
  utimesSync(data, written, written)
  if (inStream !== undefined) writeFileSync(world.file('data', '.in-stream'), `${inStream}\n`)
  await world.start('redis-start.sh')
  const first = priorityIn(await world.read('data/redis.conf'))
  // redis has repaired the file
  utimesSync(data, clock, clock)
  await world.start('redis-start.sh')
  t.ok(priorityIn(await world.read('data/redis.conf')) >= first, 'the next start does not say newer')
  return first
}

/** The last one counts. */
const priorityIn = (conf: string) => Number(/^[^]*\nreplica-priority (\d+)\n/.exec(conf)?.[1] ?? Number.NaN)

t.test('of two pods with data the one that was in the stream last has the lower priority, whatever the time of its file', async (t) => {
  const fresh = await priority(t, { written: NOW - 500, inStream: NOW - 499 })
  t.ok(fresh < await priority(t, { written: NOW - 10, inStream: NOW - 1000 }), 'repaired at a start')
  t.ok(fresh < await priority(t, { written: NOW - 600, inStream: NOW - 499 }), 'nothing was written for a while')
  t.ok(fresh < await priority(t, { written: NOW }), 'nobody knows')
  t.ok(fresh < await priority(t, { written: YEAR_2040, inStream: YEAR_2040 }), 'its clock was wrong, or is')
  t.ok(await priority(t, { written: NOW - 5 }) < await priority(t, { written: NOW - 50 }), 'those that nobody knows, among themselves')
})

t.test('no clock makes a priority that is none', async (t) => {
  const times = [0, 1, 2 ** 31, YEAR_2040, 2 ** 32, 9_999_999_999]
  for (const [i, written] of times.entries()) {
    for (const [inStream, clock] of [[undefined, times[(i + 3) % 6]], [times[(i + 1) % 6], NOW], [times[(i + 4) % 6], times[(i + 2) % 6]]] as const) {
      const value = await priority(t, { written, ...(inStream !== undefined && { inStream }), ...(clock !== undefined && { clock }) }, i % 2 ? SHELLS.busybox : SHELLS.dash)
      t.ok(value > 100 && value <= 2 ** 31 - 1, `${value}, file ${written}, in the stream ${inStream}, clock ${clock}`)
    }
  }
  const later = { clock: YEAR_2040 + 100 }
  t.ok(await priority(t, { ...later, written: YEAR_2040, inStream: YEAR_2040 }) < await priority(t, { ...later, written: YEAR_2040 - 1, inStream: YEAR_2040 }), 'in 2040 each second counts as well')
})

t.test('what is left of a note after the loss of power is no note, and its file tells the time', async (t) => {
  const noted = await priority(t, { written: NOW + 100, inStream: NOW })
  for (const text of ['', 'x', '-1', '9'.repeat(30)]) {
    const value = await priority(t, { written: NOW + 100, inStream: text })
    t.ok(value <= noted && value > noted - 60, text)
  }
})
