/** The probe's line to one sentinel: ask whom it names, be woken by its events, ask for its vote, and say hello to it. */
import { type Connection, openConnection } from './connection.ts'
import { type LinkOptions, REDIS_PORT } from './redis-link.ts'
import type { SentinelAnswer } from './observation.ts'
import { parseQuorum, parseSentinelAnswer, parseVote } from './replies.ts'

export interface SentinelLink {
  readonly answer: () => SentinelAnswer | undefined
  readonly isOpen: () => boolean
  readonly answeredFrom: () => number
  readonly askedAt: () => number | undefined
  /** Asks for the master; settles when the answer is in `answer` or there is none. Never rejects. */
  readonly ask: () => Promise<void>
  /** Asks for its vote on the succession of the master at that address. Never rejects. */
  readonly vote: (master: string, epoch: number) => Promise<Ballot>
  /** Tells it of a master, in the name of another sentinel. Resolves to whether it names that one now; never rejects. */
  readonly hello: (hello: Hello) => Promise<boolean>
  readonly close: () => void
}

export interface Ballot {
  /** It has voted for this probe in this very epoch. */
  readonly isGranted: boolean
  /** What it says after the vote. */
  readonly answer: SentinelAnswer | undefined
  /** Why there is no vote: no connection, no answer in time, or a command that the sentinel refuses. */
  readonly error?: unknown
}

export interface Hello {
  /** The sentinel that says so; never the one that is told, which would take itself for another one. */
  readonly from: { readonly id: string, readonly address: string }
  readonly master: string
  readonly epoch: number
}

export interface SentinelLinkOptions extends LinkOptions {
  readonly masterName: string
  /** Of this pod's sentinel. One that says another id is somebody else's. */
  readonly id: string
  /** Under which this probe asks for votes. */
  readonly ownId: string
}

export const SENTINEL_PORT = 26379
const HELLO_CHANNEL = '__sentinel__:hello'

/** Wake-ups only: pub/sub loses messages, so what they say is never used. */
const EVENTS = [
  '+switch-master', '+promoted-slave', '+selected-slave', '-role-change', '+sdown', '-sdown', '+odown', '+tilt', '-tilt', '+reboot',
  '+convert-to-slave', '-failover-abort-*',
]

export function openSentinelLink ({ now, onChange, masterName, id, ownId, ...endpoint }: SentinelLinkOptions): SentinelLink {
  let answer: SentinelAnswer | undefined
  let answeredFrom = -Infinity
  let isProven = false
  let pending: { at: number, done: Promise<void> } | undefined

  // RESP3: a subscribed connection still takes commands, which saves a second socket per sentinel. Needs Redis 6.2
  // (HELLO in sentinel mode).
  const connection = openConnection(endpoint, 3, {
    onOpen: () => {
      isProven = false
      connection.client.psubscribe(...EVENTS).catch(() => {})
      onChange()
    },
    onClose: () => { isProven = false; answer = undefined; onChange() },
    onRefused: () => { isProven = false; answer = undefined },
  })
  connection.client.on('pmessage', onChange)

  function ask (): Promise<void> {
    if (pending) return pending.done
    if (!connection.isOpen()) return Promise.resolve()
    const at = now()
    const done = askMaster(at).finally(() => { pending = undefined })
    pending = { at, done }
    return done
  }

  async function askMaster (at: number): Promise<void> {
    const monitored = answer?.monitored ?? ''
    try {
      const [who, address, master, noQuorum, vote] = await connection.call((client) => Promise.all([
        isProven ? id : client.call('SENTINEL', 'MYID'),
        ...questions(client, masterName),
        // in epoch 0 nobody is voted for: it tells whom it voted for last
        monitored === '' ? undefined : client.call('SENTINEL', 'IS-MASTER-DOWN-BY-ADDR', monitored, REDIS_PORT, 0, ownId),
      ]))
      isProven = who === id
      const said = isProven ? parseSentinelAnswer(address, master, vote) : undefined
      answer = said && { ...said, noQuorum }
      answeredFrom = at
      connection.answered()
    } catch {
      answer = undefined
    }
  }

  const call: Connection['call'] = (command) => isProven ? connection.call(command) : Promise.reject(new Error('not proven to be this pod'))
  return {
    answer: () => answer,
    isOpen: connection.isOpen,
    answeredFrom: () => answeredFrom,
    askedAt: () => pending?.at,
    ask,
    vote: (master, epoch) => vote(call, { masterName, ownId, master, epoch })
      .catch((error: unknown) => ({ isGranted: false, answer: undefined, error })),
    hello: (hello) => sayHello(call, masterName, hello).catch(() => false),
    close: connection.close,
  }
}

function questions (client: Connection['client'], masterName: string) {
  return [
    client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName),
    client.call('SENTINEL', 'MASTER', masterName),
    client.call('SENTINEL', 'CKQUORUM', masterName).then(parseQuorum, parseQuorum),
  ] as const
}

interface Question { readonly masterName: string, readonly ownId: string, readonly master: string, readonly epoch: number }

async function vote (call: Connection['call'], { masterName, ownId, master, epoch }: Question): Promise<Ballot> {
  // on one connection, so in this order: what it says of itself is younger than its vote
  const [ballot, address, state] = await call((client) => Promise.all([
    client.call('SENTINEL', 'IS-MASTER-DOWN-BY-ADDR', master, REDIS_PORT, epoch, ownId),
    client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName),
    client.call('SENTINEL', 'MASTER', masterName),
  ]))
  const granted = parseVote(ballot)
  // the leader of an older epoch is told as well, and may be anybody
  const isGranted = granted?.leader === ownId && granted.epoch === epoch
  return { isGranted, answer: parseSentinelAnswer(address, state, ballot) }
}

async function sayHello (call: Connection['call'], masterName: string, { from, master, epoch }: Hello): Promise<boolean> {
  const text = [from.address, SENTINEL_PORT, from.id, epoch, masterName, master, REDIS_PORT, epoch].join(',')
  const [, named] = await call((client) => Promise.all([
    client.publish(HELLO_CHANNEL, text),
    client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName),
  ]))
  return Array.isArray(named) && named[0] === master
}
