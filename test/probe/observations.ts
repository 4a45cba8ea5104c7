/** Observations for the tests of `decide`: three redis and three sentinels, all well, master first; say what differs. */
import type { Action } from '../../src/probe/decide.ts'
import type { Observation, Process, RedisView, SentinelAnswer } from '../../src/probe/observation.ts'

export const NOW = 100_000
export const address = (n: number) => `10.0.0.${n}`
export const master: Process = { kind: 'master', offset: 100, replicas: [] }
export const slaveOf = (n: number): Process => ({ kind: 'slave', master: address(n), link: 'connected', offset: 100 })
export const dead: Process = { kind: 'dead', cause: 'ConnectionRefused' }
export const unknown: Process = { kind: 'unknown' }

export function redis (n: number, process: Process, label?: string, more: Partial<RedisView> = {}): RedisView {
  const masterSince = process.kind === 'master' ? NOW - 60_000 : undefined
  const followed = process.kind === 'slave' ? process.master : undefined
  return { pod: `redis-${n}`, uid: `uid-${n}`, address: address(n), label, process, masterSince, followed, ...more }
}

export const names = (n: number, more: Partial<SentinelAnswer> = {}): SentinelAnswer =>
  ({ named: address(n), monitored: address(n), failingOver: false, configEpoch: 1, ...more })

export function observation (pods: RedisView[], answers: (SentinelAnswer | undefined)[], more: Partial<Observation> = {}): Observation {
  return {
    startedAt: NOW,
    sentinelReplicas: 3,
    redis: pods,
    sentinels: answers.map((answer, ordinal) => ({ pod: `sentinel-${ordinal}`, ordinal, answer })),
    lastMaster: undefined,
    ...more,
  }
}

export const lastMaster = (n: number) => ({ lastMaster: { uid: `uid-${n}`, address: address(n) } })

/** One line per action, in order: what the tables compare. */
export function lines (actions: readonly Action[]): string[] {
  return actions.map((action) => action.kind === 'label'
    ? `${action.pod.pod} ${action.role} ${action.reason}`
    : `${action.kind} ${action.pod.pod} ${action.master} ${action.reason}`)
}

/** What the world looks like after an action: the model that the properties use. */
export function after (seen: Observation, action: Action): Observation {
  const redis = seen.redis.map((pod) => {
    if (pod.uid !== action.pod.uid) return pod
    if (action.kind === 'label') return { ...pod, label: action.role }
    const process: Process = { kind: 'slave', master: action.master, link: 'connected', offset: 0 }
    return { ...pod, process, masterSince: undefined }
  })
  return { ...seen, redis }
}
