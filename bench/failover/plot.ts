/** An SVG of every run's longest gap: a row per cause, a dot per run, lines at p50 and p95. Pure. */
import { type Run, summary } from './figures.ts'

const [LEFT, WIDTH, ROW, TOP, RIGHT] = [250, 640, 44, 40, 30]
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]

export function plot (runs: readonly Run[], titles: ReadonlyMap<string, string>, title: string): string {
  const rows = [...titles].filter(([cause]) => runs.some((run) => run.cause === cause))
  const height = TOP + rows.length * ROW + 40
  // logarithmic, from 0.1 s to the first tick above all
  const longest = Math.max(0.2, ...runs.map(({ gap }) => gap))
  const end = TICKS.find((tick) => tick >= longest) ?? longest
  const x = (seconds: number) => LEFT + WIDTH * Math.log(Math.max(seconds, 0.1) / 0.1) / Math.log(end / 0.1)
  const ticks = TICKS.filter((tick) => tick <= end).map((tick) =>
    `<line x1="${x(tick)}" x2="${x(tick)}" y1="${TOP - 8}" y2="${height - 30}" stroke="#ddd"/><text x="${x(tick)}" y="${height - 12}" text-anchor="middle">${tick} s</text>`)
  const marks = rows.map(([cause, name], i) => row(name, TOP + i * ROW + ROW / 2, runs.filter((run) => run.cause === cause), x))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH + RIGHT}" height="${height}" font-family="sans-serif" font-size="13">`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="12" y="20" font-weight="bold">${escaped(title)}</text>`,
    ...ticks,
    ...marks,
    '</svg>',
    '',
  ].join('\n')
}

function row (name: string, y: number, runs: readonly Run[], x: (seconds: number) => number): string {
  const figures = summary(runs.map(({ gap }) => gap))
  const dots = runs.map(({ gap }, i) => `<circle cx="${x(gap).toFixed(1)}" cy="${(y + (i % 5 - 2) * 4).toFixed(1)}" r="3.5" fill="#2266bb" fill-opacity="0.45"/>`)
  const lines = figures ? [[figures.p50, '#222'], [figures.p95, '#cc3311']].map(([at, colour]) => `<line x1="${x(Number(at))}" x2="${x(Number(at))}" y1="${y - 16}" y2="${y + 16}" stroke="${colour}" stroke-width="2"/>`) : []
  return [`<text x="12" y="${y + 4}">${escaped(name)}</text>`, ...dots, ...lines].join('\n')
}

function escaped (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
