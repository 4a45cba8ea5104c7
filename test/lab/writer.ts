// A client that writes all the time, and knows afterwards which of its acknowledged writes are missing. It behaves as one
// behind the master Service does: it stays with its connection until that fails, then takes whoever it is led to.
import type { Redis } from 'ioredis'
import { connection, REDIS_PORT, sleep } from './questions.ts'

export interface Writer {
  /** Stops writing and waits for the last answer. */
  readonly stop: () => Promise<void>
  /** Sends nothing until `resume`; resolves when the last answer is there. */
  readonly pause: () => Promise<void>
  readonly resume: () => void
  /** Acknowledged writes that a redis does not have; by a connection of its own unless one is given, which it closes. */
  readonly lost: (address: string, redis?: Redis) => Promise<number>
  readonly acknowledged: () => number
  /** The longest time without an acknowledged write, in milliseconds, up to now. */
  readonly gap: () => number
  /** All the times together, in milliseconds, that were longer than a tenth of a second. */
  readonly gaps: () => number
}

export interface WriterOptions {
  /** Opens a connection to the one to write to; the first in `addresses` that says it is master if left out. */
  readonly find?: () => Promise<Redis>
  /** Prefix of its keys. */
  readonly name?: string
  /** Between two writes. */
  readonly paceMs?: number
}

const NOTICEABLE_MS = 100
const CHUNK = 5000

export function startWriter (addresses: readonly string[], { find = () => findMaster(addresses), name = 'written', paceMs = 1 }: WriterOptions = {}): Writer {
  const acknowledged: number[] = []
  const order = { stop: false, pause: false, idle: true }
  const key = (sequence: number): string => `${name}:${sequence}`
  let gap = 0
  let gaps = 0
  let last = Number.NaN

  function acknowledge (sequence: number): void {
    acknowledged.push(sequence)
    const now = performance.now()
    // the first one ends no gap
    const time = acknowledged.length > 1 ? now - last : 0
    gap = Math.max(gap, time)
    if (time > NOTICEABLE_MS) gaps += time
    last = now
  }

  async function write (): Promise<void> {
    let master: Redis | undefined
    for (let sequence = 0; !order.stop; sequence++) {
      if (order.pause) {
        order.idle = true
        await sleep(paceMs)
        continue
      }
      order.idle = false
      try {
        master ??= await find()
        await master.set(key(sequence), sequence)
        acknowledge(sequence)
      } catch {
        master?.disconnect()
        master = undefined
        await sleep(10)
      }
      await sleep(paceMs)
    }
    master?.disconnect()
  }

  async function lost (address: string, redis = connection(address, REDIS_PORT)): Promise<number> {
    if (redis.status === 'wait') await redis.connect()
    let missing = 0
    for (let from = 0; from < acknowledged.length; from += CHUNK) {
      const some = acknowledged.slice(from, from + CHUNK)
      const values = await redis.mget(some.map(key))
      missing += values.filter((value, i) => value !== String(some[i])).length
    }
    redis.disconnect()
    return missing
  }

  const finished = write()
  return {
    lost,
    acknowledged: () => acknowledged.length,
    gap: () => Math.round(Math.max(gap, order.stop || acknowledged.length === 0 ? 0 : performance.now() - last)),
    gaps: () => Math.round(gaps),
    pause: async () => {
      order.pause = true
      while (!order.idle) await sleep(paceMs)
    },
    resume: () => { order.pause = false },
    stop: () => { order.stop = true; return finished },
  }
}

async function findMaster (addresses: readonly string[]): Promise<Redis> {
  for (const address of addresses) {
    const redis = connection(address, REDIS_PORT)
    try {
      await redis.connect()
      const [role] = await redis.role()
      if (role === 'master') return redis
    } catch {
      // the next one
    }
    redis.disconnect()
  }
  throw new Error('nobody says it is master')
}
