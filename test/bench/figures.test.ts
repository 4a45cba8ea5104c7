import t from 'tap'
import { gapsOf, histogram, proxyTurn, type Run, summary, table } from '../../bench/failover/figures.ts'
import { plot } from '../../bench/failover/plot.ts'

const run = (gap: number, more: Partial<Run> = {}): Run => ({
  cause: 'kill', run: 1, at: '2026-11-24T00:00:00Z', promoted: 0.3, labelled: 0.4, published: 0.41, written: 0.5, sentinelWritten: null, gap, gaps: gap, interruptions: [], sentinelGap: null, everywhere: null, acknowledged: 1000, lost: 0, ...more,
})
const titles = new Map([['kill', 'kill -9 <of> the process'], ['drain', 'drain']])

t.test('percentiles are measured values, by nearest rank; what was not seen does not count', async (t) => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
  t.strictSame(summary(hundred), { n: 100, p50: 50, p95: 95, max: 100 })
  t.strictSame(summary([3, null]), { n: 1, p50: 3, p95: 3, max: 3 })
  t.equal(summary([null]), undefined)
})

t.test('a gap begins with the last write before the fault and the last one is open to the end', async (t) => {
  t.strictSame(gapsOf([0, 100, 900, 950, 1000], 150, 1250), {
    longest: 0.8, sum: 1.05, noticeable: [{ after: -0.05, length: 0.8 }, { after: 0.85, length: 0.25 }],
  })
  t.strictSame(gapsOf([0, 100], 150, 5100), { longest: 5, sum: 5, noticeable: [{ after: -0.05, length: 5 }] }, 'it never went on')
})

t.test('the table has a row for each cause that was run, and sums what was lost', async (t) => {
  const lines = table([run(0.25), run(0.75, { lost: 2 })], titles).split('\n')
  t.equal(lines.length, 3)
  t.match(lines[2], '| kill -9 <of> the process | 2 | 0.30 / 0.30 / 0.30 |')
  t.match(lines[2], '| 0.25 / 0.75 / 0.75 |')
  t.match(lines[2], /\| - \| - \| - \| 2 of 2000 \|$/)
})

t.test('a change has its gaps and when it was everywhere, and nothing of a promotion', async (t) => {
  const nobody = { promoted: null, labelled: null, published: null, written: null }
  const [header = '', rule = '', row = ''] = table([run(0.01, { cause: 'drain', gaps: 0, everywhere: 12.5, ...nobody })], titles).split('\n')
  t.equal(row, '| drain | 1 | - | - | - | - | - | 0.01 / 0.01 / 0.01 | 0.00 / 0.00 / 0.00 | - | - | 12.50 / 12.50 / 12.50 | 0 of 1000 |')
  t.strictSame([rule, row].map((line) => line.split('|').length), [header, header].map((line) => line.split('|').length))
})

t.test('kube-proxy has its turn when the slice leads to a master, and before somebody writes', async (t) => {
  const cases: [Partial<Run>, number | null][] = [
    [{ promoted: 0.25, published: 0.5, written: 0.75 }, 0.25],
    [{ promoted: 0.5, published: 0.25, written: 1 }, 0.5],
    [{ promoted: 0.25, published: 1, written: 0.5 }, 0],
    [{ published: null }, null],
  ]
  for (const [seen, turn] of cases) t.equal(proxyTurn(run(0.3, seen)), turn)
})

t.test('the histogram counts every run once', async (t) => {
  const counts = histogram([0.1, 0.3, 0.35, 1.5, 99]).split('\n').map((line) => Number(line.split(' ').at(-1)))
  t.equal(counts.reduce((sum, count) => sum + count), 5)
})

t.test('the plot is SVG with a dot for each run, and escapes what it shows', async (t) => {
  const svg = plot([run(0.3), run(1.4)], titles, 'a & b')
  t.equal(svg.match(/<circle /g)?.length, 2)
  t.match(svg, 'a &amp; b')
  t.match(svg, 'kill -9 &lt;of> the process')
})
