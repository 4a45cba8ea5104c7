/** A client that writes all the time through one address, and knows afterwards how long it could not and what is missing. */
import { Redis } from 'ioredis'

export interface Written {
  readonly acknowledged: number
  /** Longest time without an acknowledged write, in milliseconds. */
  readonly longestGap: number
  /** Acknowledged writes that are not there any more. */
  readonly lost: number
}

export interface Writer {
  /** Stops, reads everything back through the same address and answers what was found. */
  readonly finish: () => Promise<Written>
  readonly acknowledged: () => number
}

const READ_BACK_MS = 60_000

/** Writes every few milliseconds; a failed connection is opened anew at once, as a well-written client does. */
export function startWriter (host: string, port: number, key: string, password?: string): Writer {
  const acknowledged = new Set<number>()
  const client = { redis: connect(host, port, password), stopped: false }
  let [last, longestGap] = [Date.now(), 0]

  async function write (): Promise<void> {
    for (let sequence = 0; !client.stopped; sequence++) {
      try {
        await client.redis.hset(key, String(sequence), sequence)
        acknowledged.add(sequence)
        longestGap = Math.max(longestGap, Date.now() - last)
        last = Date.now()
      } catch {
        client.redis.disconnect()
        client.redis = connect(host, port, password)
      }
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
  }

  const writing = write()
  return {
    acknowledged: () => acknowledged.size,
    async finish () {
      client.stopped = true
      await writing
      client.redis.disconnect()
      const found = await readBack(host, port, key, password)
      const lost = [...acknowledged].filter((sequence) => found[sequence] !== String(sequence)).length
      return { acknowledged: acknowledged.size, longestGap, lost }
    },
  }
}

/** With patience: a machine that is busy must not make it fail. */
async function readBack (host: string, port: number, key: string, password: string | undefined): Promise<Record<string, string>> {
  for (const until = Date.now() + READ_BACK_MS; ;) {
    const redis = connect(host, port, password, 10_000)
    try {
      return await redis.hgetall(key)
    } catch (error) {
      if (Date.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, 200))
    } finally {
      redis.disconnect()
    }
  }
}

function connect (host: string, port: number, password: string | undefined, deadlineMs = 300): Redis {
  const redis = new Redis({
    host, port, ...(password !== undefined && { username: 'default', password }), connectTimeout: deadlineMs, commandTimeout: deadlineMs, maxRetriesPerRequest: 0, retryStrategy: () => null, enableReadyCheck: false,
  })
  redis.on('error', () => {}) // the failed command tells
  return redis
}
