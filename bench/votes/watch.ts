/** Looks at one failover: when somebody else is master, when each sentinel names it, when label and slice lead to it. */
import type { Redis } from 'ioredis'
import type { ControlPlane } from '../../test/lab/control-plane.ts'
import type { Lab } from '../../test/lab/lab.ts'
import { connection, REDIS_PORT, SENTINEL_PORT, sleep } from '../../test/lab/questions.ts'

const ROLE_MS = 4
const LABEL_MS = 2

/** Moments by performance.now(); undefined: not seen. */
interface Seen {
  promoted?: number
  /** The last of the sentinels. */
  sentinels?: number
  label?: number
  slice?: number
}

/** Sentinels say so themselves; a redis has to be asked. */
export async function watch (lab: Lab, plane: ControlPlane, former: number) {
  const seen: Seen = {}
  const order = { stop: false }
  const subscribers: Redis[] = []
  const switched = new Set<string>()
  for (const address of lab.sentinels) {
    const link = connection(address, SENTINEL_PORT)
    await link.connect()
    await link.subscribe('+switch-master')
    link.on('message', () => {
      switched.add(address)
      if (switched.size === lab.sentinels.length) seen.sentinels ??= performance.now()
    })
    subscribers.push(link)
  }

  /** A promotion closes the connections of clients. */
  async function role (address: string): Promise<void> {
    let link: Redis | undefined
    while (!order.stop && seen.promoted === undefined) {
      try {
        if (!link) {
          link = connection(address, REDIS_PORT, { commandTimeout: 500 })
          await link.connect()
        }
        const [is] = await link.role()
        if (is === 'master') seen.promoted ??= performance.now()
      } catch {
        link?.disconnect()
        link = undefined
      }
      await sleep(ROLE_MS)
    }
    link?.disconnect()
  }

  async function objects (): Promise<void> {
    const ip = lab.pod('redis', former).ip()
    while (!order.stop) {
      const [labelled] = plane.labelled()
      if (labelled !== undefined && labelled !== former) seen.label ??= performance.now()
      const endpoint = plane.endpoint()
      if (endpoint !== undefined && endpoint !== ip) seen.slice ??= performance.now()
      await sleep(LABEL_MS)
    }
  }

  const others = lab.redis.filter((_, ordinal) => ordinal !== former)
  const looking = [...others.map(role), objects()]
  return {
    seen,
    stop: async () => {
      order.stop = true
      await Promise.all(looking)
      for (const link of subscribers) link.disconnect()
    },
  }
}
