// A client that writes all the time, and knows afterwards which of its acknowledged writes are missing. It behaves as one
// behind the master Service does: it stays with its connection until that fails, then takes whoever it is led to.
import type { Redis } from 'ioredis'
import { connection, MASTER_NAME, REDIS_PORT, SENTINEL_PORT, sleep } from './questions.ts'

/** One acknowledged write. */
export interface Write {
  /** By performance.now(). */
  readonly at: number
  /** Address of the redis that acknowledged it. */
  readonly by: string
}

export interface Writer {
  /** Stops writing and waits for the last answer. */
  readonly stop: () => Promise<void>
  /** Sends nothing until `resume`; resolves when the last answer is there. */
  readonly pause: () => Promise<void>
  readonly resume: () => void
  /** Acknowledged writes that a redis does not have; by a connection of its own unless one is given, which it closes. */
  readonly lost: (address: string, redis?: Redis) => Promise<number>
  /** The same, one by one. */
  readonly missing: (address: string, redis?: Redis) => Promise<Write[]>
  readonly acknowledged: () => number
  /** The first and the last one of which this is true; undefined of none. */
  readonly first: (test: (write: Write) => boolean) => Write | undefined
  readonly last: (test: (write: Write) => boolean) => Write | undefined
  /** The longest time without an acknowledged write, in milliseconds, up to now; the one that goes on at `from`, and those after it. */
  readonly gap: (from?: number) => number
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
/** As in bench/failover: a client gives up a connection or a command that takes longer, and connects anew. */
export const PATIENCE_MS = 300

export function startWriter (addresses: readonly string[], { find = () => findMaster(addresses), name = 'written', paceMs = 1 }: WriterOptions = {}): Writer {
  const acknowledged: (Write & { readonly sequence: number })[] = []
  const order = { stop: false, pause: false, idle: true }
  const key = (sequence: number): string => `${name}:${sequence}`
  let gaps = 0
  let last = Number.NaN

  function acknowledge (sequence: number, by: string): void {
    const at = performance.now()
    acknowledged.push({ sequence, at, by })
    // the first one ends no gap
    const time = acknowledged.length > 1 ? at - last : 0
    if (time > NOTICEABLE_MS) gaps += time
    last = at
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
        acknowledge(sequence, master.options.host ?? '')
      } catch {
        master?.disconnect()
        master = undefined
        await sleep(10)
      }
      await sleep(paceMs)
    }
    master?.disconnect()
  }

  async function missing (address: string, redis = connection(address, REDIS_PORT)): Promise<Write[]> {
    if (redis.status === 'wait') await redis.connect()
    const found: Write[] = []
    for (let from = 0; from < acknowledged.length; from += CHUNK) {
      const some = acknowledged.slice(from, from + CHUNK)
      const values = await redis.mget(some.map(({ sequence }) => key(sequence)))
      found.push(...some.filter(({ sequence }, i) => values[i] !== String(sequence)))
    }
    redis.disconnect()
    return found
  }

  const finished = write()
  return {
    missing,
    lost: async (address, redis) => (await missing(address, redis)).length,
    acknowledged: () => acknowledged.length,
    first: (test) => acknowledged.find(test),
    last: (test) => acknowledged.findLast(test),
    gap: (from = 0) => {
      const until = order.stop || acknowledged.length === 0 ? [] : [performance.now()]
      const moments = [...acknowledged.map(({ at }) => at), ...until]
      const times = moments.map((at, i) => at > from && i > 0 ? at - (moments[i - 1] ?? at) : 0)
      return Math.round(times.reduce((longest, time) => Math.max(longest, time), 0))
    },
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
    const redis = await ifMaster(connection(address, REDIS_PORT))
    if (redis) return redis
  }
  throw new Error('nobody says it is master')
}

/** The connection, opened, to one that says it is master; closed if it does not. */
async function ifMaster (redis: Redis): Promise<Redis | undefined> {
  try {
    await redis.connect()
    const [role] = await redis.role()
    if (role === 'master') return redis
  } catch {
    // it is none
  }
  redis.disconnect()
  return undefined
}

/**
 * Opens connections as clients do that ask Sentinel: a sentinel names the master, which then must say that it is one. A sentinel
 * that has answered is asked first the next time.
 */
export function bySentinel (sentinels: readonly string[], localAddress?: string): () => Promise<Redis> {
  const from = localAddress === undefined ? {} : { localAddress }
  const patience = { connectTimeout: PATIENCE_MS, commandTimeout: PATIENCE_MS, ...from }
  let first = ''

  async function named (sentinel: string): Promise<string> {
    const link = connection(sentinel, SENTINEL_PORT, patience)
    try {
      await link.connect()
      const answer = await link.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME)
      if (!Array.isArray(answer)) throw new Error(`sentinel ${sentinel} knows no master`)
      return String(answer[0])
    } finally {
      link.disconnect()
    }
  }

  return async () => {
    for (const sentinel of [first, ...sentinels.filter((other) => other !== first)]) {
      const address = sentinel === '' ? undefined : await named(sentinel).catch(() => undefined)
      if (address === undefined) continue
      first = sentinel
      const redis = await ifMaster(connection(address, REDIS_PORT, patience))
      // the next sentinel may name another one
      if (redis) return redis
    }
    throw new Error('no sentinel names a master')
  }
}
