/** One client of the lab: writes to the labelled pod, one key after the other, and knows what was acknowledged. */
import { masterLabel } from './cluster.ts'
import { type Lab, redisPod, until } from './lab.ts'

export interface Writer {
  readonly count: () => number
  /** The longest time between two acknowledged writes, in ms. */
  readonly gap: () => number
  /** Resolves when it has written some more. */
  readonly more: () => Promise<void>
  readonly stop: () => Promise<void>
  /** Acknowledged writes that this redis does not have. */
  readonly lost: (redis: number) => Promise<number>
}

export function startWriter (lab: Lab): Writer {
  const order = { stop: false }
  let [next, gap, last] = [0, 0, performance.now()]
  const acknowledged: number[] = []
  const run = async () => {
    while (!order.stop) {
      const answer = await lab.command(redisPod(Math.max(masterLabel(lab), 0)), 'SET', `key-${++next}`, '1').catch(() => undefined)
      if (answer !== 'OK') continue
      acknowledged.push(next)
      gap = Math.max(gap, performance.now() - last)
      last = performance.now()
    }
  }
  const running = run()
  return {
    count: () => acknowledged.length,
    gap: () => Math.round(gap),
    more: async () => {
      const before = acknowledged.length
      await until('it writes', () => acknowledged.length > before + 20)
    },
    stop: async () => { order.stop = true; await running },
    lost: async (redis) => {
      const found = await lab.command(redisPod(redis), 'EXISTS', ...acknowledged.map((n) => `key-${n}`))
      return acknowledged.length - Number(found)
    },
  }
}
