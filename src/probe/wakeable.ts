/** One run at a time: wakes during a run are one more run after it, and each run says when the next is due. */

export interface Wakeable {
  readonly wake: () => void
  readonly stop: () => void
}

export interface WakeableOptions {
  /** Resolves to the ms until the next run. */
  readonly run: () => Promise<number>
  /** A run should not throw; if it does, the ms until the next one. */
  readonly onError: (error: unknown) => number
}

export function startWakeable ({ run, onError }: WakeableOptions): Wakeable {
  let timer: NodeJS.Timeout | undefined
  let running = false
  let again = false
  let stopped = false

  function wake (): void {
    again = true
    if (!running && !stopped) runAll().catch(onError)
  }

  async function runAll (): Promise<void> {
    clearTimeout(timer)
    running = true
    let delay = 0
    while (again) {
      if (stopped) return
      again = false
      delay = await run().catch(onError)
    }
    running = false
    if (!stopped) timer = setTimeout(wake, delay)
  }

  return { wake, stop: () => { stopped = true; clearTimeout(timer) } }
}
