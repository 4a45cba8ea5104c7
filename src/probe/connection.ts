/**
 * One persistent connection to one redis or sentinel process, by pod IP. It reconnects for ever, tells when it opens, closes or
 * is refused, and gives every command a deadline: a command that misses it closes the socket, for a half-open one never recovers.
 */
import { TLSSocket } from 'node:tls'
import { Redis, type RedisOptions } from 'ioredis'

const CONNECT_DEADLINE_MS = 1000
const COMMAND_DEADLINE_MS = 1000
/** After this, `end()` on a half-open socket has waited long enough for the other side's FIN. */
const DISCONNECT_DEADLINE_MS = 50
const KEEPALIVE_MS = 5000
/** A connection that came about with another login than the first asks for that one again after this long. */
const LOGIN_RETRY_MS = 5000
/** Beside the deadline of the attempt before it: a former master that is reachable again is noticed within 1.5 s. */
const SLOWEST_RECONNECT_MS = 500

export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly access: Access
}

/** How the processes of one cluster are reached. */
export interface Access {
  /** Empty: none are known. While they change some processes accept these and some those: they are tried in turn, the best one first. */
  readonly logins: () => readonly Login[]
  /** Undefined: not by TLS. Empty: by TLS, and not read yet. */
  readonly certificate: () => Certificate | undefined
  /** A process has refused what is known, or shown a certificate that is not of that authority. */
  readonly refused: () => void
}

/** Empty: none, as the default user of a process that wants no password. */
export interface Login {
  readonly username?: string
  readonly password?: string
  /** Made from the cluster's identity: no process of another one takes it. */
  readonly proves?: true
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
  /** The process has taken a login that only those of this cluster take. */
  readonly isProven: () => boolean
  /** Runs a command if the connection is open; rejects at once if it is not. */
  readonly call: <Reply>(command: (client: Redis) => Promise<Reply>) => Promise<Reply>
  /** The process answered: the next reconnection starts again at the shortest delay. */
  readonly answered: () => void
  readonly close: () => void
}

export function openConnection ({ access, ...endpoint }: Endpoint, protocol: 2 | 3, events: ConnectionEvents): Connection {
  let attempts = 0
  let refused = false
  let open = false
  const login = createLogin(access)
  const settings = () => ({ ...login.next(), ...tlsOf(access) })
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
    if (isDenial(error)) login.denied()
  })
  client.on('close', () => {
    open = false
    if (refused) events.onRefused()
    else events.onClose()
    refused = false
  })
  return {
    client,
    isOpen: () => open,
    isProven: () => open && login.proves(),
    call: (command) => {
      if (!open) return Promise.reject(new Error('not connected'))
      login.improve(client)
      return withDeadline(client, command, login.denied)
    },
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
    if (error instanceof Error && error.message === 'Command timed out') {
      reset(client)
      client.disconnect(true)
    }
    throw error
  }
}

/**
 * What the network has not delivered must not arrive when it heals: another probe may have acted by then. Of TLS sockets Node resets none;
 * the kernel goes on to send what these have for a minute or two.
 */
function reset ({ stream }: Redis): void {
  if (!(stream instanceof TLSSocket)) stream.resetAndDestroy()
}

/** Which of the logins one connection uses. */
function createLogin (access: Access) {
  let refusals = 0
  let used: Login | undefined
  let triedAt = -Infinity
  return {
    next: (): Pick<RedisOptions, 'username' | 'password'> => {
      const known = access.logins()
      used = known[refusals % known.length]
      const { proves: _, ...options } = used ?? {}
      return options
    },
    denied: (): void => {
      refusals += 1
      access.refused()
    },
    proves: () => used?.proves === true,
    /** A user that a process gets while it runs needs no new connection. */
    improve: (client: Redis): void => {
      const [best] = access.logins()
      if (best?.username === undefined || best.password === undefined || best.password === used?.password) return
      if (performance.now() - triedAt < LOGIN_RETRY_MS) return
      triedAt = performance.now()
      client.call('AUTH', best.username, best.password).then(() => { refusals = 0; used = best }, () => {})
    },
  }
}

function tlsOf ({ certificate }: Access): Pick<RedisOptions, 'tls'> {
  const tls = certificate()
  // the address is a pod's: no name to be verified, but the authority is
  return tls ? { tls: { ...tls, checkServerIdentity: () => undefined } } : {}
}

interface Denial extends NodeJS.ErrnoException {
  /** Of a transaction: why it was discarded. */
  readonly previousErrors?: readonly Error[]
}

function isDenial ({ message, code, previousErrors = [] }: Denial): boolean {
  return [message, ...previousErrors.map((error) => error.message)].some((text) => /^(NOAUTH|WRONGPASS|NOPERM) /.test(text)) ||
    /CERT|SSL|UNABLE_TO/.test(code ?? '')
}
