/** Observations for the tests of `decide`: three redis and three sentinels, all well, master first; say what differs. */
import type { Action } from '../../src/probe/decide.ts'
import { NOTHING } from '../../src/probe/memory.ts'
import type { Observation, Process, RedisView, SentinelAnswer, SentinelView } from '../../src/probe/observation.ts'

export const NOW = 100_000
export const address = (n: number) => `10.0.0.${n}`
export const master: Process = { kind: 'master', offset: 100, replicas: [] }
export const slaveOf = (n: number): Process => ({ kind: 'slave', master: address(n), link: 'connected', offset: 100 })
/** A replica that lost its master. */
export const orphanOf = (n: number, offset = 100): Process => ({ kind: 'slave', master: address(n), link: 'connect', offset })
/** One that was master, and was told to be none. */
export const abdicated = (offset: number): Process => ({ kind: 'slave', master: '127.0.0.1', link: 'connect', offset })
export const dead: Process = { kind: 'dead', cause: 'ConnectionRefused' }
export const unknown: Process = { kind: 'unknown' }
export const busy: Process = { kind: 'busy' }

export function redis (n: number, process: Process, label?: string, more: Partial<RedisView> = {}): RedisView {
  const masterSince = process.kind === 'master' ? NOW - 60_000 : undefined
  const followed = process.kind === 'slave' ? process.master : undefined
  return { pod: `redis-${n}`, uid: `uid-${n}`, address: address(n), presence: 'Present', label, process, masterSince, followed, silentSince: process.kind === 'unknown' ? NOW - 1000 : undefined, unlinkedSince: undefined, isRefusing: false, revision: 'a', ...more }
}

export const names = (n: number, more: Partial<SentinelAnswer> = {}): SentinelAnswer =>
  ({ named: address(n), monitored: address(n), failingOver: false, subjectivelyDown: false, quietMs: Infinity, configEpoch: 1, vote: undefined, ...more })

export const id = (ordinal: number) => String(ordinal).repeat(40)
export const OWN_ID = 'f'.repeat(40)

export const sentinel = (ordinal: number, answer: SentinelAnswer | undefined): SentinelView =>
  ({ pod: `sentinel-${ordinal}`, uid: `sentinel-uid-${ordinal}`, ordinal, id: id(ordinal), address: `10.0.1.${ordinal}`, answer })

export function observation (pods: RedisView[], answers: (SentinelAnswer | undefined)[], more: Partial<Observation> = {}): Observation {
  return {
    startedAt: NOW,
    sentinelReplicas: 3,
    redisReplicas: 3,
    downAfterMilliseconds: 5000,
    failoverTimeout: 10_000,
    wanted: undefined,
    mayElect: true,
    redis: pods,
    sentinels: answers.map((answer, ordinal) => sentinel(ordinal, answer)),
    ...NOTHING,
    ...more,
  }
}

export const lastMaster = (n: number) => ({ lastMaster: { uid: `uid-${n}`, address: address(n) } })

/** One line per action, in order: what the tables compare. */
export function lines (actions: readonly Action[]): string[] {
  return actions.map((action) => {
    if (action.kind === 'label') return `${action.pod.pod} ${action.role} ${action.reason}`
    if (action.kind === 'tell') return `tell ${action.sentinel.pod} ${action.master} in ${action.epoch}`
    if (action.kind === 'elect') return `elect ${action.pod.pod} for ${action.predecessor} in ${action.epoch} ${action.reason}`
    return [action.kind, action.pod.pod, ...'master' in action ? [action.master] : [], action.reason].join(' ')
  })
}

/** What the world looks like after an action: the model that the properties use. */
export function after (seen: Observation, action: Action): Observation {
  if (action.kind === 'elect') {
    const { epoch, predecessor } = action
    const failures = (seen.election?.failures ?? 0) + 1
    return { ...seen, election: { epoch, predecessor, at: seen.startedAt, outcome: 'NotElected', failures: failures % 4 === 0 ? failures : 4 } }
  }
  if (action.kind === 'tell') {
    const told = (other: SentinelView) => other.uid === action.sentinel.uid && other.answer
      ? { ...other, answer: { ...other.answer, named: action.master, monitored: action.master, configEpoch: action.epoch } }
      : other
    return { ...seen, sentinels: seen.sentinels.map(told) }
  }
  if (action.kind === 'lead') return { ...seen, redis: seen.redis.map((pod) => ({ ...pod, isRefusing: false })) }
  if (action.kind === 'pause') return { ...seen, paused: { uid: action.pod.uid, from: seen.startedAt, until: seen.startedAt + 2500, reason: action.reason } }
  if (action.kind === 'fulfil') return { ...seen, wanted: undefined }
  if (action.kind === 'resume') return { ...seen, paused: seen.paused && { ...seen.paused, until: seen.startedAt } }
  const redis = seen.redis.map((pod) => {
    if (pod.uid !== action.pod.uid) return pod
    if (action.kind === 'label') return { ...pod, label: action.role }
    if (action.kind === 'unblock') return pod
    if (action.kind === 'reinstate') return { ...pod, process: { ...master, offset: pod.process.kind === 'slave' ? pod.process.offset : 0 }, masterSince: seen.startedAt }
    if (action.kind === 'exclude' || action.kind === 'admit') {
      const priority = action.kind === 'admit' ? 100 : 0
      return pod.process.kind === 'slave' ? { ...pod, process: { ...pod.process, priority } } : pod
    }
    const process: Process = { kind: 'slave', master: action.master, link: 'connected', offset: 0 }
    return { ...pod, process, masterSince: undefined }
  })
  return { ...seen, redis }
}
