/** Clients that write all the time, and know what was acknowledged when, and by which redis process. */
import { Redis, type CommonRedisOptions } from 'ioredis'
import { type Login, sleep, type Target } from './target.ts'

/** One write a millisecond, as long as each is answered within that. */
const PACE_MS = 1
/** A connection or a command that takes longer is given up, and the connection opened anew. */
const PATIENCE_MS = 300
const RETRY_MS = 10
const CHUNK = 5000

export interface Client {
  /** Moments of the acknowledged writes, in ms of performance.now(). */
  readonly moments: readonly number[]
  /** The first acknowledged write by a process with another run id than this one, after `from`. */
  readonly firstElsewhere: (runId: string, from: number) => number | undefined
  readonly stop: () => Promise<void>
  /** Acknowledged writes that are not there any more. */
  readonly lost: (master: Redis) => Promise<number>
  /** Takes its keys out again. */
  readonly clean: (master: Redis) => Promise<void>
}

const OPTIONS = {
  lazyConnect: true,
  enableReadyCheck: false,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  connectTimeout: PATIENCE_MS,
  commandTimeout: PATIENCE_MS,
  retryStrategy: () => null,
} satisfies Partial<CommonRedisOptions>

type Patience = Pick<CommonRedisOptions, 'commandTimeout'>

export async function connect (host: string, port: number, { password, isTls }: Login = {}, patience: Patience = {}): Promise<Redis> {
  const secrets = { ...password !== undefined && { password }, ...isTls && { tls: { rejectUnauthorized: false } } }
  const redis = new Redis({ ...OPTIONS, host, port, ...secrets, ...patience })
  redis.on('error', () => {}) // the failed command tells
  await redis.connect()
  return redis
}

export async function runId (redis: Redis): Promise<string> {
  return /run_id:(\w+)/.exec(await redis.info('server'))?.[1] ?? ''
}

/** Through the Service: whoever that leads to. With the login of now, whatever it will be later. */
export const throughService = ({ host, port, login }: Target) => () => connect(host, port, login)

/** As Sentinel-aware clients do: ask a sentinel, then connect to the one that it names. */
export const throughSentinel = ({ host, sentinelPort = 0, sentinels, masterName, login }: Target) => async () => {
  const sentinel = await connect(host, sentinelPort, sentinels === undefined ? {} : login)
  try {
    const [address = '', port = ''] = await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName) as string[]
    return await connect(address, Number(port), login)
  } finally {
    sentinel.disconnect()
  }
}

/** Leaves each connection after `lifeMs` and opens another one. */
export function startClient (name: string, open: () => Promise<Redis>, lifeMs = Infinity): Client {
  const moments: number[] = []
  const keys: number[] = []
  const processes: { readonly from: number, readonly runId: string }[] = []
  const order = { stop: false }
  const key = (sequence: number) => `${name}:${sequence}`

  async function reopen (): Promise<Redis> {
    const redis = await open()
    try {
      processes.push({ from: performance.now(), runId: await runId(redis) })
      return redis
    } catch (error) {
      redis.disconnect()
      throw error
    }
  }

  async function write (): Promise<void> {
    let redis: Redis | undefined
    let opened = 0
    for (let sequence = 0; !order.stop; sequence += 1) {
      try {
        if (!redis || performance.now() - opened > lifeMs) {
          redis?.disconnect()
          redis = await reopen()
          opened = performance.now()
        }
        await redis.set(key(sequence), sequence)
        moments.push(performance.now())
        keys.push(sequence)
        await sleep(PACE_MS)
      } catch {
        redis?.disconnect()
        redis = undefined
        await sleep(RETRY_MS)
      }
    }
    redis?.disconnect()
  }

  const writing = write()
  return {
    moments,
    firstElsewhere: (before, from) => {
      const elsewhere = processes.find((process) => process.from >= from && process.runId !== before)
      return elsewhere && moments.find((moment) => moment >= elsewhere.from)
    },
    stop: async () => { order.stop = true; await writing },
    lost: async (master) => {
      let missing = 0
      for (const some of chunks(keys)) {
        const values = await master.mget(some.map(key))
        missing += values.filter((value, i) => value !== String(some[i])).length
      }
      return missing
    },
    clean: async (master) => { for (const some of chunks(keys)) await master.unlink(some.map(key)) },
  }
}

function chunks (keys: readonly number[]): number[][] {
  return Array.from({ length: Math.ceil(keys.length / CHUNK) }, (_, i) => keys.slice(i * CHUNK, (i + 1) * CHUNK))
}
