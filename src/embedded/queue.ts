/**
 * A work queue as client-go's: a key waits at most once, is never run twice at once, and a failing key comes back
 * ever later. A key added while it runs is run once more afterwards.
 */

export type Timers = {
  now: () => number
  /** Runs the callback once after the delay; the answer cancels it. */
  after: (ms: number, callback: () => void) => () => void
}

/** What becomes of a key after its run. `after` neither grows the backoff nor resets it, exactly as Metacontroller does on a 429. */
export type Outcome = { type: 'done' } | { type: 'retry' } | { type: 'after', ms: number }

export type Queue = {
  add: (key: string) => void
  addAfter: (key: string, ms: number) => void
  /** Takes no more work; resolves when nothing runs any more. */
  close: () => Promise<void>
}

const BASE_DELAY_MS = 5
const MAX_DELAY_MS = 1_000_000
const MAX_TIMER_MS = 2 ** 31 - 1

export function backoffMs (failures: number): number {
  return Math.min(BASE_DELAY_MS * 2 ** failures, MAX_DELAY_MS)
}

type QueueOptions = { workers: number, timers: Timers, run: (key: string) => Promise<Outcome> }

export function createQueue ({ workers, timers, run }: QueueOptions): Queue {
  const waiting = new Set<string>()
  const running = new Set<string>()
  const again = new Set<string>()
  const failures = new Map<string, number>()
  const delays = createDelays(timers, add)
  let closed: (() => void) | undefined

  function add (key: string): void {
    if (closed) return
    if (running.has(key)) again.add(key)
    else waiting.add(key)
    pump()
  }

  function addAfter (key: string, ms: number): void {
    if (closed) return
    if (ms > 0) delays.set(key, Math.min(ms, MAX_TIMER_MS))
    else add(key)
  }

  function pump (): void {
    for (const key of waiting) {
      if (running.size >= workers) return
      waiting.delete(key)
      running.add(key)
      // run() answers with an outcome and does not throw; should it do so all the same, the key is tried again.
      run(key).catch((): Outcome => ({ type: 'retry' })).then((outcome) => settle(key, outcome)).catch(() => {})
    }
  }

  function settle (key: string, outcome: Outcome): void {
    running.delete(key)
    if (closed) {
      if (running.size === 0) closed()
      return
    }
    if (outcome.type === 'done') failures.delete(key)
    if (outcome.type === 'after') addAfter(key, outcome.ms)
    if (outcome.type === 'retry') {
      const count = failures.get(key) ?? 0
      failures.set(key, count + 1)
      addAfter(key, backoffMs(count))
    }
    if (again.delete(key)) waiting.add(key)
    pump()
  }

  function close (): Promise<void> {
    delays.clear()
    waiting.clear()
    again.clear()
    return new Promise((resolve) => {
      closed = resolve
      if (running.size === 0) resolve()
    })
  }

  return { add, addAfter, close }
}

/** One pending delay for each key: of two the earlier stays. */
function createDelays (timers: Timers, due: (key: string) => void) {
  const pending = new Map<string, { at: number, cancel: () => void }>()
  return {
    set: (key: string, ms: number): void => {
      const at = timers.now() + ms
      const known = pending.get(key)
      if (known && known.at <= at) return
      known?.cancel()
      const cancel = timers.after(ms, () => {
        pending.delete(key)
        due(key)
      })
      pending.set(key, { at, cancel })
    },
    clear: (): void => {
      for (const { cancel } of pending.values()) cancel()
      pending.clear()
    },
  }
}

export const systemTimers: Timers = {
  now: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}
