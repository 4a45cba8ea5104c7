// How old a pod says that its data is: redis-age.sh, as redis-start.sh uses it.
import { rmSync, utimesSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { SHELLS, named, withData, createWorld } from './world.ts'

// ages of data
const NOW = Math.floor(Date.now() / 1000)
const YEAR_2040 = 2_208_988_800

interface Age {
  readonly written: number
  readonly inStream?: number | string | undefined
  readonly clock?: number
  readonly answers?: Readonly<Record<string, string>>
}

/** The replica-priority of a pod that starts as a replica. */
async function priority (t: Test, { written, inStream, clock = NOW, answers = {} }: Age, shell = SHELLS.dash): Promise<number> {
  const world = createWorld(t, { shell, ordinal: 1, answers: { ...named('fd00::10'), ...answers } })
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

t.test('a pod whose master was heard after it was in the stream itself is not to be promoted', async (t) => {
  const heard = (quietMs: number, { address = 'fd00::10', runid = 'a' } = {}) => ({
    'fd00::21.SENTINEL': `fd00::10\n6379\nip\n${address}\nrunid\n${runid}\nlast-ok-ping-reply\n${quietMs}\n`,
  })
  for (const shell of Object.values(SHELLS)) {
    t.equal(await priority(t, { written: NOW, inStream: NOW - 7, answers: heard(500) }, shell), 0, 'the master goes on')
  }
  const isLeftBehind = async (inStream: number | undefined, answers: Readonly<Record<string, string>>) => await priority(t, { written: NOW, inStream, answers }) === 0
  t.ok(await isLeftBehind(NOW - 3600, heard(3_592_000)), 'it went on for a while')
  t.notOk(await isLeftBehind(NOW - 3600, heard(3_595_000)), 'they died together')
  t.notOk(await isLeftBehind(NOW - 6, heard(500)), 'notes are not so exact')
  t.notOk(await isLeftBehind(NOW - 60, heard(500, { runid: '' })), 'the sentinel has never heard it')
  t.notOk(await isLeftBehind(NOW - 60, heard(500, { address: 'fd00::12' })), 'the sentinel has heard another one')
  t.notOk(await isLeftBehind(undefined, heard(500)), 'nobody knows')
})

t.test('no clock makes a priority that is none', async (t) => {
  const times = [0, 1, 2 ** 31 - 1, 2 ** 31, YEAR_2040, 2 ** 32, 9_999_999_999]
  for (const written of times) {
    for (const inStream of [undefined, 0, 1, 1000, YEAR_2040, 9_999_999_999]) {
      const value = await priority(t, { written, inStream, clock: times[(times.indexOf(written) + 3) % times.length]! }, inStream === 1 ? SHELLS.busybox : SHELLS.dash)
      t.ok(value > 100 && value <= 2 ** 31 - 1, `${value}, file ${written}, in the stream ${inStream}`)
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
