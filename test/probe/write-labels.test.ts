/** Labels with an API server that does as it is told; in which order they are written is decided in decide.test.ts. */
import { pino } from 'pino'
import t from 'tap'
import type { ApiClient } from '../../src/probe/api-client.ts'
import type { ClusterView, PodFacts } from '../../src/probe/inventory.ts'
import { createMetrics } from '../../src/probe/metrics.ts'
import type { PerformDeps, Target } from '../../src/probe/perform.ts'
import { type Labelling, labelInOrder } from '../../src/probe/write-labels.ts'
import { dead, master, redis, slaveOf } from './observations.ts'

const pods = [0, 1, 2].map((n): PodFacts => ({
  namespace: 'shop', name: `redis-${n}`, uid: `uid-${n}`, resourceVersion: '1', cluster: 'cache', component: 'redis', ordinal: n, ip: undefined, node: undefined, presence: 'Present', label: 'slave', revision: 'a', hasAnnotations: true, ended: false,
}))
const crown: Labelling = { kind: 'label', pod: redis(1, master, 'slave'), role: 'master', reason: 'MajorityNamesIt' }
const deposed = (n: number, process = dead): Labelling => ({ kind: 'label', pod: redis(n, process, 'master'), role: 'slave', reason: 'MasterReplaced' })
const observed: Labelling = { kind: 'label', pod: redis(2, slaveOf(1)), role: 'slave', reason: 'ReplicaObserved' }

function world (answers: Readonly<Record<string, 'hangs' | 'fails'>> = {}) {
  const asked: string[] = []
  const request = (_method: string, path: string) => {
    const name = path.split('/').at(-1) ?? ''
    asked.push(name)
    if (answers[name] === 'hangs') return new Promise(() => {})
    return answers[name] === 'fails' ? Promise.reject(new Error('503')) : Promise.resolve({ metadata: { name } })
  }
  const deps: Partial<PerformDeps> = {
    api: { request } as Partial<ApiClient> as ApiClient,
    log: pino({ level: 'silent' }),
    metrics: createMetrics({ reports: () => [], isActive: () => true }),
    publishEvent: () => {},
    putPod: () => {},
    putSlice: () => {},
    now: () => 0,
    date: () => new Date(0),
    mayAct: () => true,
  }
  const view: ClusterView = { facts: undefined, pods, addressOf: () => undefined, sliceFor: () => undefined }
  const target: Partial<Target> = { view, subject: { namespace: 'shop', name: 'cache' } as Target['subject'], underWay: new Set() }
  const label = (...actions: Labelling[]) => labelInOrder(actions, target as Target, deps as PerformDeps)
  return { asked, label }
}

t.test('the first that fails ends the run: the label of one that may write is not given to another pod', async (t) => {
  const { asked, label } = world({ 'redis-0': 'fails' })
  t.equal(await label(deposed(0, master), crown, observed), false)
  t.strictSame(asked, ['redis-0'])
})

t.test('a label that hangs, and that no client waits for, delays nobody, and is asked for once', async (t) => {
  const { asked, label } = world({ 'redis-2': 'hangs' })
  t.equal(await label(observed), true)
  t.equal(await label(crown, deposed(0), observed), true)
  t.strictSame(asked.toSorted(), ['redis-0', 'redis-1', 'redis-2'])
})

t.test('one that fails at once is told: the next look is a later one', async (t) => {
  t.equal(await world({ 'redis-2': 'fails' }).label(observed), false)
  t.equal(await world({ 'redis-0': 'fails' }).label(crown, deposed(0)), false)
  t.equal(await world({ 'redis-1': 'fails' }).label(crown, deposed(0)), false)
  t.equal(await world().label(crown, deposed(0), observed), true)
})
