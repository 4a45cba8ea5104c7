// A client that writes all the time, and knows afterwards which of its acknowledged writes are missing. It behaves as one
// behind the master Service does: it stays with its connection until that fails, then takes whoever says it is master.
import type { Redis } from 'ioredis'
import { connection, REDIS_PORT, sleep } from './questions.ts'

export interface Writer {
  /** Stops writing and waits for the last answer. */
  readonly stop: () => Promise<void>
  /** Acknowledged writes that a redis does not have. */
  readonly lost: (address: string) => Promise<number>
  readonly acknowledged: () => number
  /** The longest time without an acknowledged write, in milliseconds. */
  readonly gap: () => number
}

export function startWriter (addresses: readonly string[]): Writer {
  const acknowledged: number[] = []
  const order = { stop: false }
  let gap = 0
  let last = Date.now()

  async function write (): Promise<void> {
    let master: Redis | undefined
    for (let sequence = 0; !order.stop; sequence++) {
      try {
        master ??= await findMaster(addresses)
        await master.set(key(sequence), sequence)
        acknowledged.push(sequence)
        gap = Math.max(gap, Date.now() - last)
        last = Date.now()
      } catch {
        master?.disconnect()
        master = undefined
        await sleep(10)
      }
      await sleep(1)
    }
    master?.disconnect()
  }

  async function lost (address: string): Promise<number> {
    const redis = connection(address, REDIS_PORT)
    await redis.connect()
    const values = acknowledged.length === 0 ? [] : await redis.mget(acknowledged.map(key))
    redis.disconnect()
    return values.filter((value, i) => value !== String(acknowledged[i])).length
  }

  const finished = write()
  return {
    lost,
    acknowledged: () => acknowledged.length,
    gap: () => gap,
    stop: () => { order.stop = true; return finished },
  }
}

const key = (sequence: number): string => `written:${sequence}`

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
