/** From moments to figures: percentiles, a table, a histogram. Pure. */

export interface Run {
  readonly cause: string
  readonly run: number
  /** Of the fault, by the clock. */
  readonly at: string
  /** Seconds after the fault; null: not seen. */
  readonly promoted: number | null
  readonly labelled: number | null
  readonly published: number | null
  /** The first write that another process acknowledged, through the Service. */
  readonly written: number | null
  /** The same for the client that asks Sentinel. */
  readonly sentinelWritten: number | null
  /** The longest time without an acknowledged write of one client, through the Service; and all times over 0.1 s together. */
  readonly gap: number
  readonly gaps: number
  /** The latter one by one, of the client with the largest sum: seconds after the fault, seconds long. */
  readonly interruptions: readonly Interruption[]
  readonly sentinelGap: number | null
  /** Of a change: until every pod had it. */
  readonly everywhere: number | null
  readonly acknowledged: number
  readonly lost: number
}

interface Interruption { readonly after: number, readonly length: number }

export interface Gaps { readonly longest: number, readonly sum: number, readonly noticeable: readonly Interruption[] }

export interface Summary { readonly n: number, readonly p50: number, readonly p95: number, readonly max: number }

const NOTICEABLE_S = 0.1

/** By nearest rank, of ascending values; NaN of none. */
export function percentile (sorted: readonly number[], share: number): number {
  return sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)] ?? NaN
}

/** Undefined of nothing. */
export function summary (values: readonly (number | null)[]): Summary | undefined {
  const sorted = values.filter((value) => value !== null).toSorted((a, b) => a - b)
  if (sorted.length === 0) return undefined
  return { n: sorted.length, p50: percentile(sorted, 0.5), p95: percentile(sorted, 0.95), max: percentile(sorted, 1) }
}

/** Of the moments of one client's acknowledged writes, in ms, from `from` on: the one before that begins the first gap. */
export function gapsOf (moments: readonly number[], from: number, to: number): Gaps {
  const before = moments.findLast((moment) => moment < from) ?? from
  const later = [...moments.filter((moment) => moment >= from), to]
  const gaps = later.map((moment, i) => {
    const start = later[i - 1] ?? before
    return { after: (start - from) / 1000, length: (moment - start) / 1000 }
  })
  const noticeable = gaps.filter(({ length }) => length > NOTICEABLE_S)
  const sum = noticeable.reduce((total, { length }) => total + length, 0)
  return { longest: Math.max(...gaps.map(({ length }) => length)), sum, noticeable }
}

/**
 * Seconds from when there is a new master and the master Service's EndpointSlice leads to it, until somebody has written there through
 * the Service: kube-proxy's turn, of one second at most by default, and the client's connection. What the operator has no hand in.
 */
export function proxyTurn ({ promoted, published, written }: Run): number | null {
  if (promoted === null || published === null || written === null) return null
  return Math.max(0, written - Math.max(promoted, published))
}

const COLUMNS = ['promoted', 'labelled', 'published', 'turn', 'written', 'gap', 'gaps', 'sentinelWritten', 'sentinelGap', 'everywhere'] as const

/** Markdown: a row per cause, p50 / p95 / max in seconds. */
export function table (runs: readonly Run[], titles: ReadonlyMap<string, string>): string {
  const seconds = (figures: Summary | undefined) => figures ? [figures.p50, figures.p95, figures.max].map((value) => value.toFixed(2)).join(' / ') : '-'
  const rows = [...titles].flatMap(([cause, title]) => {
    const some = runs.filter((run) => run.cause === cause).map((run) => ({ ...run, turn: proxyTurn(run) }))
    if (some.length === 0) return []
    const total = (of: (run: Run) => number) => some.reduce((sum, run) => sum + of(run), 0)
    return [`| ${[title, some.length, ...COLUMNS.map((name) => seconds(summary(some.map((run) => run[name])))), `${total(({ lost }) => lost)} of ${total(({ acknowledged }) => acknowledged)}`].join(' | ')} |`]
  })
  return [
    '| fault | n | promoted | label | slice | kube-proxy | first write | longest gap | sum of gaps | first write, by Sentinel | gap, by Sentinel | everywhere | lost |',
    '|---|---|---|---|---|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

const BINS = [0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.6, 2, 3, 5, 8, 15, Infinity]
const BAR = 40

/** The longest gaps of one cause, a line per bin that is needed. */
export function histogram (gaps: readonly number[]): string {
  const counts = BINS.map((high, i) => gaps.filter((gap) => gap < high && gap >= (BINS[i - 1] ?? 0)).length)
  const [first, last] = [counts.findIndex(Boolean), counts.findLastIndex(Boolean)]
  const most = Math.max(...counts)
  return counts.slice(first, last + 1).map((count, i) => {
    const high = BINS[first + i] ?? Infinity
    const name = high === Infinity ? `over ${BINS.at(-2)}` : `up to ${high}`
    return `  ${name.padStart(10)} s ${'#'.repeat(Math.round(BAR * count / most)).padEnd(BAR)} ${count}`
  }).join('\n')
}
