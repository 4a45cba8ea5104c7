/**
 * One persistent connection to one redis or sentinel process, by pod IP. It reconnects for ever, tells when it opens, closes or
 * is refused, and gives every command a deadline: a command that misses it closes the socket, for a half-open one never recovers.
 */
import { Redis, type RedisOptions } from 'ioredis'

const CONNECT_DEADLINE_MS = 1000
const COMMAND_DEADLINE_MS = 1000
/** After this, `end()` on a half-open socket has waited long enough for the other side's FIN. */
const DISCONNECT_DEADLINE_MS = 50
const KEEPALIVE_MS = 5000
/** Beside the deadline of the attempt before it: a former master that is reachable again is noticed within 1.5 s. */
const SLOWEST_RECONNECT_MS = 500

export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly access: Access
}

/** How the processes of one cluster are reached. */
export interface Access {
  /** Empty: none are known, or wanted. While they change some processes accept these and some those: they are tried in turn. */
  readonly logins: () => readonly Login[]
  /** Undefined: not by TLS. Empty: by TLS, and not read yet. */
  readonly certificate: () => Certificate | undefined
  /** A process has refused what is known, or shown a certificate that is not of that authority. */
  readonly refused: () => void
}

export interface Login {
  readonly username: string
  readonly password: string
}

/** PEM texts. */
export interface Certificate {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export interface ConnectionEvents {
  readonly onOpen: () => void
  /** An open connection closed, or an attempt failed in a way that proves nothing. */
  readonly onClose: () => void
  readonly onRefused: () => void
}

export interface Connection {
  readonly client: Redis
  readonly isOpen: () => boolean
  /** Runs a command if the connection is open; rejects at once if it is not. */
  readonly call: <Reply>(command: (client: Redis) => Promise<Reply>) => Promise<Reply>
  /** The process answered: the next reconnection starts again at the shortest delay. */
  readonly answered: () => void
  readonly close: () => void
}

export function openConnection ({ access, ...endpoint }: Endpoint, protocol: 2 | 3, events: ConnectionEvents): Connection {
  let attempts = 0
  let refusals = 0
  let refused = false
  let open = false
  const settings = () => settingsOf(access, refusals)
  const client = new Redis({
    ...endpoint,
    ...settings(),
    protocol,
    connectionName: 'sentinel-probe',
    disableClientInfo: true,
    // ROLE answers while the data set is loading; INFO would only delay the connection.
    enableReadyCheck: false,
    enableOfflineQueue: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_DEADLINE_MS,
    commandTimeout: COMMAND_DEADLINE_MS,
    disconnectTimeout: DISCONNECT_DEADLINE_MS,
    keepAlive: KEEPALIVE_MS,
    // Not ioredis's own count: that one starts again at each accepted connection, and a full or hung process accepts, too.
    retryStrategy: () => {
      Object.assign(client.options, { username: undefined, password: undefined }, settings())
      return reconnectDelay(++attempts)
    },
  })
  client.on('ready', () => { open = true; refused = false; events.onOpen() })
  client.on('error', (error: NodeJS.ErrnoException) => {
    refused = error.code === 'ECONNREFUSED'
    if (isDenial(error)) denied()
  })
  function denied (): void {
    refusals += 1
    access.refused()
  }
  client.on('close', () => {
    open = false
    if (refused) events.onRefused()
    else events.onClose()
    refused = false
  })
  return {
    client,
    isOpen: () => open,
    call: (command) => open ? withDeadline(client, command, denied) : Promise.reject(new Error('not connected')),
    answered: () => { attempts = 0 },
    close: () => { client.removeAllListeners(); client.on('error', () => {}); client.disconnect() },
  }
}

/** The first attempts in quick succession: a promotion closes our connection a few ms before the process is there again. */
export function reconnectDelay (attempt: number): number {
  if (attempt <= 2) return 5
  if (attempt === 3) return 20
  return Math.min(100 * (attempt - 3), SLOWEST_RECONNECT_MS)
}

async function withDeadline<Reply> (client: Redis, command: (client: Redis) => Promise<Reply>, denied: () => void): Promise<Reply> {
  try {
    return await command(client)
  } catch (error) {
    if (error instanceof Error && isDenial(error)) {
      denied()
      client.disconnect(true)
    }
    if (error instanceof Error && error.message === 'Command timed out') client.disconnect(true)
    throw error
  }
}

function settingsOf ({ logins, certificate }: Access, refusals: number): Pick<RedisOptions, 'username' | 'password' | 'tls'> {
  const known = logins()
  const tls = certificate()
  return {
    ...known[refusals % known.length],
    // the address is a pod's: no name to be verified, but the authority is
    ...(tls && { tls: { ...tls, checkServerIdentity: () => undefined } }),
  }
}

function isDenial (error: NodeJS.ErrnoException): boolean {
  return /^(NOAUTH|WRONGPASS) /.test(error.message) || /CERT|SSL|UNABLE_TO/.test(error.code ?? '')
}
