// The table of make faults: one row per fault, over all its runs.
import type { Figure, Result } from './run.ts'

export function table (results: readonly Result[]): string {
  const numbers = [...new Set(results.map(({ number }) => number))].sort((a, b) => a - b)
  const rows = numbers.map((number) => row(results.filter((result) => result.number === number)))
  return [
    '| # | fault | n | lost writes | longest gap, p50 / max ms | heal after the fault, p50 / max ms | figures, p50 / max (goal) | not as it must be |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

function row (runs: readonly Result[]): string {
  const [{ number, name } = { number: 0, name: '' }] = runs
  const of = (pick: (result: Result) => number) => spread(runs.map(pick))
  const lost = Math.max(...runs.map((run) => run.lost))
  const bounded = Math.max(...runs.map((run) => run.bounded ?? 0))
  const losses = bounded > 0 ? `${lost}, and ${bounded} within the bound` : lost
  const wrong = runs.flatMap(({ violations, seed }) => violations.map((violation) => `${violation} (seed ${seed})`))
  const cells = [number, name, runs.length, losses, of(({ gapMs }) => gapMs), of(({ healMs }) => healMs ?? Number.NaN), figures(runs), wrong.join('; ') || '-']
  return `| ${cells.join(' | ')} |`
}

function figures (runs: readonly Result[]): string {
  const all = runs.flatMap((run) => run.figures)
  const names = [...new Set(all.map(({ name }) => name))]
  return names.map((name) => figure(all.filter((candidate) => candidate.name === name))).join('; ')
}

function figure (some: readonly Figure[]): string {
  const [{ name, goal } = { name: '', goal: undefined }] = some
  const missed = some.filter(({ value }) => goal !== undefined && value > goal).length
  const verdict = goal === undefined ? '' : ` (${goal}${missed > 0 ? `, missed ${missed} of ${some.length}` : ''})`
  return `${name} ${spread(some.map(({ value }) => value))}${verdict}`
}

function spread (values: readonly number[]): string {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b)
  const p50 = sorted[Math.ceil(sorted.length / 2) - 1]
  return p50 === undefined ? '-' : `${p50} / ${sorted.at(-1)}`
}
