// Short questions to one redis or sentinel, each over a connection of its own.
import { createConnection, type Socket } from 'node:net'
import { AbstractConnector, Redis, type RedisOptions } from 'ioredis'

export const REDIS_PORT = 6379
export const SENTINEL_PORT = 26_379
export const MASTER_NAME = 'mymaster'

const ASK_MS = 20_000

export type Fields = Readonly<Record<string, string>>

export interface Patience extends Pick<RedisOptions, 'commandTimeout' | 'connectTimeout'> {
  /** The address that the connection comes from. */
  readonly localAddress?: string
}

/** No retries and no queue: an error is an answer too. */
export function connection (host: string, port: number, { localAddress, ...options }: Patience = {}): Redis {
  const redis = new Redis({
    host,
    port,
    lazyConnect: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 500,
    commandTimeout: 12_000,
    retryStrategy: () => null,
    ...localAddress !== undefined && { Connector: connectorFrom(localAddress, host, port) },
    ...options,
  })
  // each command reports its own failure
  redis.on('error', () => {})
  return redis
}

/** Redis' own one does not know where a connection comes from. */
function connectorFrom (localAddress: string, host: string, port: number) {
  return class extends AbstractConnector {
    constructor () {
      super(0)
    }

    override connect (): Promise<Socket> {
      const socket = createConnection({ host, port, localAddress })
      this.stream = socket
      socket.once('error', (error: Error) => { this.firstError = error })
      return Promise.resolve(socket)
    }
  }
}

export async function ask (host: string, port: number, command: string, ...args: readonly (string | number)[]): Promise<unknown> {
  const redis = connection(host, port)
  try {
    return await within(ASK_MS, `${host} did not answer ${command}`, redis.connect().then(() => redis.call(command, ...args)))
  } finally {
    redis.disconnect()
  }
}

/** A chaos run once waited for ever after half an hour, with no timer and no connection left: never again without a word. */
export async function within<T> (ms: number, what: string, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => reject(new Error(what)), ms) })
  try {
    return await Promise.race([answer, deadline])
  } finally {
    clearTimeout(timer)
  }
}

export async function info (host: string): Promise<Fields> {
  return parseInfo(String(await ask(host, REDIS_PORT, 'INFO')))
}

export function parseInfo (text: string): Fields {
  const pairs = text.split(/\r?\n/).filter((line) => line.includes(':')).map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1)]
  })
  return Object.fromEntries(pairs)
}

/** What a sentinel says of the master. */
export async function sentinelMaster (host: string): Promise<Fields> {
  const answer = await ask(host, SENTINEL_PORT, 'SENTINEL', 'MASTER', MASTER_NAME)
  if (!Array.isArray(answer)) throw new Error(`sentinel ${host} answers ${String(answer)}`)
  return Object.fromEntries(Array.from({ length: answer.length / 2 }, (_, i): [string, string] => [String(answer[2 * i]), String(answer[2 * i + 1])]))
}

/** Waits for a condition by looking every 50 ms; an error counts as not yet. */
export async function until<T> (what: string, look: () => Promise<T | undefined>, seconds = 40): Promise<T> {
  const end = Date.now() + seconds * 1000
  let last: unknown
  while (Date.now() < end) {
    try {
      const found = await look()
      if (found !== undefined) return found
    } catch (error) {
      last = error
    }
    await sleep(50)
  }
  throw new Error(`not within ${seconds} s: ${what}`, { cause: last })
}

export function sleep (milliseconds: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, milliseconds) })
}
