/**
 * The probe's line to one redis process: ask ROLE, remember what it was, promote it, demote it or point it at a master. Nothing is believed
 * from a process and nothing is sent to it before it has proven on this connection that it is the pod's own: the address that it announces
 * must be that of the pod's Service. A pod's IP may have been given to somebody else's redis meanwhile.
 */
import { type Connection, type Endpoint, openConnection } from './connection.ts'
import { NOWHERE, type Process } from './observation.ts'
import { answered, blocked, lost, type ProcessState, refused, UNSEEN } from './process-state.ts'
import { parseHistory, parseReplication, parseRole, parseSetting } from './replies.ts'

export interface RedisLink {
  readonly state: () => ProcessState
  readonly isOpen: () => boolean
  /** The address that the process announces; undefined before it has proven who it is. */
  readonly announced: () => string | undefined
  /** The address that a process announces which is not this pod's. */
  readonly stranger: () => string | undefined
  /** When the question was sent that `state` answers. */
  readonly answeredFrom: () => number
  /** When the question was sent that still waits for its answer. */
  readonly askedAt: () => number | undefined
  /** Asks ROLE; settles when the answer is in `state` or there is none. Never rejects. */
  readonly ask: () => Promise<void>
  readonly follow: (master: string) => Promise<void>
  /** Makes it a master, and closes its clients' connections: they were readers. */
  readonly promote: () => Promise<void>
  /** Follows the master and ends a pause, so that what waited is refused and no client goes on here. */
  readonly demote: (master: string) => Promise<void>
  /**
   * Is a master no more, follows nobody and keeps what it has; its clients are sent away. Resolves to its last offset as a master, or
   * undefined when it was none.
   */
  readonly abdicate: () => Promise<number | undefined>
  /** Is the master again that it was. */
  readonly reinstate: () => Promise<void>
  /** The sentinels never promote it: replica-priority 0. */
  readonly exclude: () => Promise<void>
  /** They may promote it again: the usual replica-priority, 100. */
  readonly admit: () => Promise<void>
  /** Ends the script or function that blocks it; rejects when that has written already. */
  readonly unblock: () => Promise<void>
  /** Writes wait for this long, reads go on. A longer pause that is in force stays. */
  readonly pause: (ms: number) => Promise<void>
  readonly resume: () => Promise<void>
  /** The pod is gone: its connection is good as long as it stands, but its address may be another pod's at the next one. */
  readonly retire: () => void
  readonly close: () => void
}

export interface LinkOptions extends Endpoint {
  readonly now: () => number
  /** Something changed that is worth a look. */
  readonly onChange: () => void
}

export interface RedisLinkOptions extends LinkOptions {
  /** The address of the pod's Service, as the API server has it now. */
  readonly expected: () => string | undefined
}

export const REDIS_PORT = 6379
const UNPROVEN = 'not connected, or not proven to be this pod'

export function openRedisLink ({ now, onChange, expected, ...endpoint }: RedisLinkOptions): RedisLink {
  let state = UNSEEN
  let answeredFrom = -Infinity
  let pending: { at: number, done: Promise<void> } | undefined
  let retired = false
  const proof = createProof(expected)

  // RESP2: ROLE has the same shape in both, and HELLO would be one more round trip before it at the moment of a promotion.
  const connection = openConnection(endpoint, 2, {
    onOpen: () => {
      proof.expires()
      if (retired) connection.close()
      else ask().catch(() => {})
    },
    onClose: () => { proof.expires(); change(lost(state, now())) },
    onRefused: () => { proof.expires(); change(refused(state, now())) },
  })

  function ask (): Promise<void> {
    if (pending) return pending.done
    if (!connection.isOpen()) return Promise.resolve()
    const at = now()
    pending = { at, done: askRole(at) }
    return pending.done
  }

  async function askRole (at: number): Promise<void> {
    const [role] = await Promise.all([
      readRole(connection).catch((error: unknown) => isBusy(error) ? 'busy' : undefined),
      proof.isDue() && readAnnounced(connection).then(proof.given, () => {}),
    ])
    // Before the change: the look that it wakes asks anew.
    pending = undefined
    if (role) connection.answered()
    const isBelieved = role === 'busy' ? isOfCluster(proof, connection) : proof.holds()
    if (role && isBelieved) answeredFrom = at
    change(next(state, isBelieved ? role : undefined, now()))
  }

  function change (after: ProcessState): void {
    const before = state
    state = after
    if (differs(before, after)) onChange()
  }

  return {
    state: () => state,
    isOpen: connection.isOpen,
    announced: proof.announced,
    stranger: proof.stranger,
    answeredFrom: () => answeredFrom,
    askedAt: () => pending?.at,
    ask,
    ...commandsOf(callIf(proof.holds, connection)),
    unblock: () => callIf(() => isOfCluster(proof, connection), connection)(endScript),
    retire: () => { retired = true },
    close: connection.close,
  }
}

function next (state: ProcessState, role: Process | 'busy' | undefined, now: number): ProcessState {
  if (role === 'busy') return blocked(state)
  return role ? answered(state, role, now) : lost(state, now)
}

type Proof = ReturnType<typeof createProof>

/** Of one connection. It goes on holding when the Service gets another address: the process follows within a moment. */
function createProof (expected: () => string | undefined) {
  let announced: string | undefined
  let isProven = false

  return {
    isDue: () => !isProven || announced !== expected(),
    holds: () => isProven,
    announced: () => isProven ? announced : undefined,
    stranger: () => isProven || announced === undefined || expected() === undefined ? undefined : announced,
    given: (address: string | undefined) => {
      announced = address
      isProven ||= address !== undefined && address === expected()
    },
    expires: () => { isProven = false; announced = undefined },
  }
}

/** One that a script blocks says no more than that: its login must do, which only redis of this cluster take. */
function isOfCluster (proof: Proof, { isProven }: Connection): boolean {
  return proof.holds() || isProven()
}

async function readAnnounced ({ call }: Connection): Promise<string | undefined> {
  return parseSetting(await call((client) => client.config('GET', 'replica-announce-ip')))
}

function callIf (isTrusted: () => boolean, { call }: Connection): Connection['call'] {
  return (command) => isTrusted() ? call(command) : Promise.reject(new Error(UNPROVEN))
}

type Commands = Pick<RedisLink, 'follow' | 'promote' | 'demote' | 'abdicate' | 'reinstate' | 'exclude' | 'admit' | 'pause' | 'resume'>

function commandsOf (call: Connection['call']): Commands {
  return {
    follow: async (master) => { await call((client) => client.replicaof(master, REDIS_PORT)) },
    promote: async () => { await call(promote) },
    demote: async (master) => { await call((client) => demote(client, master, REDIS_PORT)) },
    abdicate: () => call((client) => demote(client, NOWHERE, 1)),
    reinstate: async () => { await call((client) => client.call('REPLICAOF', 'NO', 'ONE')) },
    exclude: async () => { await call((client) => client.config('SET', 'replica-priority', 0)) },
    admit: async () => { await call((client) => client.config('SET', 'replica-priority', 100)) },
    pause: async (ms) => { await call((client) => client.call('CLIENT', 'PAUSE', ms, 'WRITE')) },
    resume: async () => { await call((client) => client.call('CLIENT', 'UNPAUSE')) },
  }
}

async function readRole ({ call }: Connection): Promise<Process | undefined> {
  // in one round trip, whatever it is: a replica's answer to ROLE is no offset while its link is down
  const [reply, info] = await Promise.all([call((client) => client.role() as Promise<unknown>), call((client) => client.info('replication'))])
  const role = parseRole(reply)
  if (role?.kind === 'master') return { ...role, history: parseHistory(info) }
  return role?.kind === 'slave' ? { ...role, ...parseReplication(info) } : role
}

async function promote (client: Connection['client']): Promise<void> {
  await transaction(client.multi().call('REPLICAOF', 'NO', 'ONE').call('CLIENT', 'KILL', 'TYPE', 'normal'))
}

/** REPLICAOF alone leaves the clients connected to a master that is none any more (sentinel does the same in its own MULTI). */
async function demote (client: Connection['client'], master: string, port: number): Promise<number | undefined> {
  const [role] = await transaction(
    client.multi().role().replicaof(master, port).call('CLIENT', 'UNPAUSE').call('CLIENT', 'KILL', 'TYPE', 'normal'))
  const before = parseRole(role)
  return before?.kind === 'master' ? before.offset : undefined
}

async function transaction (commands: ReturnType<Connection['client']['multi']>): Promise<unknown[]> {
  const replies = await commands.exec()
  const failed = replies?.find(([error]) => error)?.[0]
  if (!replies || failed) throw failed ?? new Error('transaction discarded')
  return replies.map(([, reply]) => reply)
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
  if (a.process.kind !== b.process.kind || (a.refusedSince === undefined) !== (b.refusedSince === undefined)) return true
  return a.process.kind === 'slave' && b.process.kind === 'slave' && a.process.master !== b.process.master
}
