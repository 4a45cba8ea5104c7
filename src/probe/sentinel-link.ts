/** The probe's line to one sentinel: ask whom it names, be woken by its events, and tell it to fail over. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection, openConnection } from './connection.ts'
import type { LivingReplica } from './decide-failover.ts'
import type { LinkOptions } from './redis-link.ts'
import type { FailoverAnswer, SentinelAnswer } from './observation.ts'
import { choiceOf } from './sentinel-choice.ts'
import { parseFailoverAnswer, parseQuorum, parseReplicas, parseSentinelAnswer, type ReplicaFigures } from './replies.ts'

export interface SentinelLink {
  readonly answer: () => SentinelAnswer | undefined
  readonly isOpen: () => boolean
  readonly answeredFrom: () => number
  readonly askedAt: () => number | undefined
  /** Asks for the master; settles when the answer is in `answer` or there is none. Never rejects. */
  readonly ask: () => Promise<void>
  /**
   * Makes the sentinel look at the replicas now, not every second: resolves to whether it will take the one with the most data.
   * Needs SENTINEL DEBUG (Redis 7.0). Never rejects.
   */
  readonly learn: (replicas: ReadonlyMap<string, LivingReplica>) => Promise<boolean>
  /** SENTINEL FAILOVER, and whom it will promote: one of these. Never rejects. */
  readonly forceFailover: (replicas: ReadonlyMap<string, LivingReplica>) => Promise<ForcedFailover>
  readonly close: () => void
}

interface ForcedFailover {
  readonly answer: FailoverAnswer
  /** An address: foreseen from the figures that the sentinel had a moment before. */
  readonly choice: string | undefined
}

export interface SentinelLinkOptions extends LinkOptions {
  readonly masterName: string
}

export const SENTINEL_PORT = 26379

/** Wake-ups only: pub/sub loses messages, so what they say is never used. */
const EVENTS = [
  '+switch-master', '+promoted-slave', '+selected-slave', '-role-change', '+sdown', '-sdown', '+odown', '+tilt', '-tilt', '+reboot',
  '+convert-to-slave', '-failover-abort-*',
]

/** As sentinel-ready.sh sets it. */
const INFO_PERIOD_MS = 1000
const QUICK_INFO_PERIOD_MS = 100
/** A sentinel that has noticed that the replicas lost their master looks once a second, whatever its setting. */
const LEARN_DEADLINE_MS = 1200
const LEARN_PACE_MS = 20

export function openSentinelLink ({ now, onChange, masterName, ...endpoint }: SentinelLinkOptions): SentinelLink {
  let answer: SentinelAnswer | undefined
  let answeredFrom = -Infinity
  let pending: { at: number, done: Promise<void> } | undefined

  // RESP3: a subscribed connection still takes commands, which saves a second socket per sentinel. Needs Redis 6.2
  // (HELLO in sentinel mode).
  const connection = openConnection(endpoint, 3, {
    onOpen: () => {
      connection.client.psubscribe(...EVENTS).catch(() => {})
      onChange()
    },
    onClose: () => { answer = undefined; onChange() },
    onRefused: () => { answer = undefined },
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
    try {
      const [address, master, noQuorum] = await connection.call((client) => Promise.all([
        client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName),
        client.call('SENTINEL', 'MASTER', masterName),
        client.call('SENTINEL', 'CKQUORUM', masterName).then(parseQuorum, parseQuorum),
      ]))
      const said = parseSentinelAnswer(address, master)
      answer = said && { ...said, noQuorum }
      answeredFrom = at
      connection.answered()
    } catch {
      answer = undefined
    }
  }

  return {
    answer: () => answer,
    isOpen: connection.isOpen,
    answeredFrom: () => answeredFrom,
    askedAt: () => pending?.at,
    ask,
    learn: (replicas) => learn(connection, masterName, replicas, now),
    forceFailover: (replicas) => forceFailover(connection, masterName, replicas),
    close: connection.close,
  }
}

type Replicas = ReadonlyMap<string, LivingReplica>

async function forceFailover ({ call }: Connection, masterName: string, replicas: Replicas): Promise<ForcedFailover> {
  // on one connection, so in this order and without a wait
  const [choice, answer] = await Promise.all([
    knownReplicas(call, masterName).then((known) => choiceOf(known, replicas), () => undefined),
    call((client) => client.call('SENTINEL', 'FAILOVER', masterName)).then(parseFailoverAnswer, parseFailoverAnswer),
  ])
  return { answer, choice }
}

async function learn ({ call }: Connection, masterName: string, replicas: Replicas, now: () => number): Promise<boolean> {
  const setPeriod = (ms: number) => call((client) => client.call('SENTINEL', 'DEBUG', 'INFO-PERIOD', ms))
  const knows = async () => knowsOffsets(await knownReplicas(call, masterName), replicas)
  try {
    await setPeriod(QUICK_INFO_PERIOD_MS)
    for (const until = now() + LEARN_DEADLINE_MS; now() < until; await sleep(LEARN_PACE_MS)) if (await knows()) return true
    return false
  } catch {
    return false
  } finally {
    await setPeriod(INFO_PERIOD_MS).catch(() => {})
  }
}

async function knownReplicas (call: Connection['call'], masterName: string): Promise<ReplicaFigures[]> {
  return parseReplicas(await call((client) => client.call('SENTINEL', 'REPLICAS', masterName)))
}

/** Of those that it would take it prefers none for its priority, knows how much each has, and nobody has more than the best of them. */
function knowsOffsets (known: readonly ReplicaFigures[], replicas: Replicas): boolean {
  const most = Math.max(...[...replicas.values()].map(({ offset }) => offset))
  const eligible = known.filter(({ address, isEligible }) => isEligible && replicas.has(address))
  return new Set(eligible.map(({ priority }) => priority)).size === 1 && eligible.some(({ offset }) => offset === most) &&
    eligible.every(({ address, offset }) => offset === replicas.get(address)?.offset)
}
