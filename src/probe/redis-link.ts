/** The probe's line to one redis process: ask ROLE, remember what it was, demote it or point it at a master. */
import { type Connection, type Endpoint, openConnection } from './connection.ts'
import type { Process } from './observation.ts'
import { answered, blocked, lost, type ProcessState, refused, UNSEEN } from './process-state.ts'
import { parsePriority, parseReplicaInfo, parseRole, parseRunId } from './replies.ts'

export interface RedisLink {
  readonly state: () => ProcessState
  readonly isOpen: () => boolean
  /** When the question was sent that `state` answers. */
  readonly answeredFrom: () => number
  /** When the question was sent that still waits for its answer. */
  readonly askedAt: () => number | undefined
  /** Asks ROLE; settles when the answer is in `state` or there is none. Never rejects. */
  readonly ask: () => Promise<void>
  readonly follow: (master: string) => Promise<void>
  /** Follows the master and ends a pause, so that what waited is refused and no client goes on here. */
  readonly demote: (master: string) => Promise<void>
  /** Ends the script or function that blocks it; rejects when that has written already. */
  readonly unblock: () => Promise<void>
  /** Writes wait for this long, reads go on. A longer pause that is in force stays. */
  readonly pause: (ms: number) => Promise<void>
  readonly resume: () => Promise<void>
  /** Sets the replica-priority. */
  readonly qualify: (priority: number) => Promise<void>
  /** The pod is gone: its connection is good as long as it stands, but its address may be another pod's at the next one. */
  readonly retire: () => void
  readonly close: () => void
}

export interface LinkOptions extends Endpoint {
  readonly now: () => number
  /** Something changed that is worth a look. */
  readonly onChange: () => void
}

export const REDIS_PORT = 6379

export function openRedisLink ({ now, onChange, ...endpoint }: LinkOptions): RedisLink {
  let state = UNSEEN
  let answeredFrom = -Infinity
  let pending: { at: number, done: Promise<void> } | undefined
  let retired = false

  // RESP2: ROLE has the same shape in both, and HELLO would be one more round trip before it at the moment of a promotion.
  const connection = openConnection(endpoint, 2, {
    onOpen: () => {
      if (retired) connection.close()
      // after the role, which is urgent
      else ask().then(() => readIdentity(connection, now)).then((identity) => { state = { ...state, ...identity } }).catch(() => {})
    },
    onClose: () => change(lost(state)),
    onRefused: () => change(refused(state, now())),
  })

  function ask (): Promise<void> {
    if (pending) return pending.done
    if (!connection.isOpen()) return Promise.resolve()
    const at = now()
    pending = { at, done: askRole(at) }
    return pending.done
  }

  async function askRole (at: number): Promise<void> {
    const role = await readRole(connection).catch((error: unknown) => isBusy(error) ? 'busy' : undefined)
    // Before the change: the look that it wakes asks anew.
    pending = undefined
    if (role) {
      answeredFrom = at
      connection.answered()
    }
    change(next(role))
  }

  function next (role: Process | 'busy' | undefined): ProcessState {
    if (role === 'busy') return blocked(state)
    return role ? answered(state, role, now()) : lost(state)
  }

  function change (after: ProcessState): void {
    const before = state
    state = after
    if (differs(before, after)) onChange()
  }

  return {
    state: () => state,
    isOpen: connection.isOpen,
    answeredFrom: () => answeredFrom,
    askedAt: () => pending?.at,
    ask,
    ...commandsOf(connection, (priority) => { state = { ...state, priority, prioritySince: now() } }),
    retire: () => { retired = true },
    close: connection.close,
  }
}

type Commands = Pick<RedisLink, 'follow' | 'demote' | 'qualify' | 'unblock' | 'pause' | 'resume'>

function commandsOf ({ call }: Connection, onQualified: (priority: number) => void): Commands {
  return {
    qualify: async (priority) => {
      await call((client) => client.config('SET', 'replica-priority', priority))
      onQualified(priority)
    },
    follow: async (master) => { await call((client) => client.replicaof(master, REDIS_PORT)) },
    demote: async (master) => { await call((client) => demote(client, master)) },
    unblock: async () => { await call(endScript) },
    pause: async (ms) => { await call((client) => client.call('CLIENT', 'PAUSE', ms, 'WRITE')) },
    resume: async () => { await call((client) => client.call('CLIENT', 'UNPAUSE')) },
  }
}

type Identity = Pick<ProcessState, 'runId' | 'priority' | 'prioritySince'>

async function readIdentity ({ call }: Connection, now: () => number): Promise<Identity> {
  const [info, settings] = await Promise.all([
    call((client) => client.info('server')),
    call((client) => client.config('GET', 'replica-priority')),
  ])
  return { runId: parseRunId(info), priority: parsePriority(settings), prioritySince: now() }
}

async function readRole (connection: Connection): Promise<Process | undefined> {
  const role = parseRole(await connection.call((client) => client.role() as Promise<unknown>))
  if (role?.kind !== 'slave' || role.link === 'connected') return role
  return { ...role, ...parseReplicaInfo(await connection.call((client) => client.info('replication'))) }
}

/** REPLICAOF alone leaves the clients connected to a master that is none any more (sentinel does the same in its own MULTI). */
async function demote (client: Connection['client'], master: string): Promise<void> {
  const transaction = client.multi().replicaof(master, REDIS_PORT).call('CLIENT', 'UNPAUSE').call('CLIENT', 'KILL', 'TYPE', 'normal')
  const replies = await transaction.exec()
  const failed = replies?.find(([error]) => error)?.[0]
  if (!replies || failed) throw failed ?? new Error('transaction discarded')
}

function isBusy (error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('BUSY')
}

async function endScript (client: Connection['client']): Promise<void> {
  try {
    await client.call('SCRIPT', 'KILL')
  } catch (error) {
    if (!(error instanceof Error && error.message.includes('FUNCTION KILL'))) throw error
    await client.call('FUNCTION', 'KILL')
  }
}

function differs (a: ProcessState, b: ProcessState): boolean {
  if (a.process.kind !== b.process.kind) return true
  return a.process.kind === 'slave' && b.process.kind === 'slave' && a.process.master !== b.process.master
}
