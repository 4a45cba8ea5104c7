/** The probe's line to one sentinel: ask whom it names, be woken by its events, and tell it to fail over. */
import { openConnection } from './connection.ts'
import type { LinkOptions } from './redis-link.ts'
import type { FailoverAnswer, SentinelAnswer } from './observation.ts'
import { parseFailoverAnswer, parseSentinelAnswer } from './replies.ts'

export interface SentinelLink {
  readonly answer: () => SentinelAnswer | undefined
  readonly isOpen: () => boolean
  readonly answeredFrom: () => number
  readonly askedAt: () => number | undefined
  /** Asks for the master; settles when the answer is in `answer` or there is none. Never rejects. */
  readonly ask: () => Promise<void>
  /** SENTINEL FAILOVER. Never rejects. */
  readonly forceFailover: () => Promise<FailoverAnswer>
  readonly close: () => void
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
      const [address, master] = await connection.call((client) => Promise.all([
        client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName),
        client.call('SENTINEL', 'MASTER', masterName),
      ]))
      answer = parseSentinelAnswer(address, master)
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
    forceFailover: () => connection.call((client) => client.call('SENTINEL', 'FAILOVER', masterName)).then(parseFailoverAnswer, parseFailoverAnswer),
    close: connection.close,
  }
}
