import type { Pod } from 'kubernetes-types/core/v1.js'
import t from 'tap'
import type { RedisSentinelStatus } from '../../src/api/redis-sentinel.ts'
import { RedisSentinelStatus as StatusSchema } from '../../src/api/redis-sentinel.ts'
import { QUORUM_ANNOTATION } from '../../src/metadata/labels.ts'
import { syncRedisSentinel } from '../../src/redis-sentinel/sync.ts'
import { LATER, NOW, pod, pods, redisSentinel, settledObserved } from '../fixtures.ts'

const there = settledObserved('redis-sentinel')
const status = (some: readonly Pod[], before?: object): RedisSentinelStatus =>
  syncRedisSentinel(redisSentinel({}, before ? { status: before } : {}), { ...there, pods: some }, NOW).status
const condition = (of: RedisSentinelStatus, type: string) => of.conditions?.find((one) => one.type === type)
const replaced = (name: string, by: Pod) => pods().map((one) => (one.metadata?.name === name ? by : one))

t.test('all pods ready and one master: ready', async (t) => {
  t.strictSame(status(pods()), {
    phase: 'Ready',
    endpoint: 'demo-redis-master.shop.svc:6378',
    sentinelEndpoint: 'demo-sentinel.shop.svc:26379',
    master: 'demo-redis-0',
    lastRoleUpdateTime: '2026-11-23T09:00:00Z',
    redisReady: '3/3',
    sentinelReady: '3/3',
    conditions: [
      ['Ready', 'Serving', 'All pods are ready and the master is known.'],
      ['Available', 'MasterKnown', 'demo-redis-0 is master.'],
      ['SpecValid', 'Valid', 'The spec is valid.'],
      ['Applied', 'AllApplied', 'All children are as desired.'],
      ['Quorum', 'SentinelsAble', 'A majority of the sentinels is ready, and reports no lack of a quorum.'],
    ].map(([type, reason, message]) => ({ type, status: 'True', reason, message, lastTransitionTime: '2026-11-23T10:00:00Z', observedGeneration: 1 })),
  })
})

t.test('no pod labelled master: not available, and no master is named', async (t) => {
  const of = status(replaced('demo-redis-0', pod('demo-redis-0', { role: 'slave' })))
  t.notOk('master' in of)
  t.match(of, { phase: 'Pending' })
  t.match(condition(of, 'Available'), { status: 'False', reason: 'NoMaster' })
  t.match(condition(of, 'Ready'), { status: 'False', reason: 'NoMaster' })
})

t.test('two pods labelled master: not available, both are named in one order', async (t) => {
  const two = replaced('demo-redis-2', pod('demo-redis-2', { role: 'master' }))
  for (const some of [two, [...two].reverse()]) {
    const of = status(some)
    t.notOk('master' in of)
    t.match(condition(of, 'Available'), { status: 'False', reason: 'SeveralMasters', message: 'demo-redis-0 and demo-redis-2 carry the master label.' })
    t.equal(of.phase, 'Pending')
  }
})

const NOQUORUM = 'NOQUORUM 1 usable Sentinels. Not enough available Sentinels to reach the majority and authorize a failover'
/** Of the sentinels with these ordinals. */
const noted = (...ordinals: number[]) => pods().map((one): Pod =>
  ordinals.some((ordinal) => one.metadata?.name === `demo-sentinel-${ordinal}`) ? { ...one, metadata: { ...one.metadata, annotations: { [QUORUM_ANNOTATION]: NOQUORUM } } } : one)

t.test('a majority of the sentinels must be ready and able to reach a quorum', async (t) => {
  t.match(condition(status(noted(2)), 'Quorum'), { status: 'True', reason: 'SentinelsAble' }, 'two of three can replace a master')
  const lost = status(noted(2, 1))
  t.match(condition(lost, 'Quorum'), { status: 'False', reason: 'NoQuorum', message: `demo-sentinel-1: ${NOQUORUM}.` })
  t.match(lost, { phase: 'Ready' }, 'the service works')
  const unready = status(replaced('demo-sentinel-1', pod('demo-sentinel-1', { ready: false })).map((one) =>
    one.metadata?.name === 'demo-sentinel-2' ? pod('demo-sentinel-2', { terminating: true }) : one))
  t.match(condition(unready, 'Quorum'), { status: 'False', reason: 'SentinelsNotReady', message: '1/3 sentinel pods are ready.' })
})

t.test('a master that goes is still the master until the label moves', async (t) => {
  const of = status(replaced('demo-redis-0', pod('demo-redis-0', { role: 'master', terminating: true })))
  t.match(of, { master: 'demo-redis-0', redisReady: '2/3', phase: 'Pending' })
  t.match(condition(of, 'Available'), { status: 'True' })
})

t.test('counts leave out pods that go, are not ready, or belong to another', async (t) => {
  const some = [
    pod('demo-redis-0', { role: 'master' }), pod('demo-redis-1', { terminating: true }), pod('demo-redis-2', { ready: false }), pod('demo-redis-3', { owner: 'another' }),
    pod('demo-sentinel-0'), pod('demo-sentinel-1'), pod('demo-sentinel-2', { owner: 'another' }),
  ]
  t.match(status(some), { redisReady: '1/3', sentinelReady: '2/3' })
  t.match(condition(status(some), 'Ready'), { reason: 'PodsNotReady', message: '1/3 redis and 2/3 sentinel pods are ready.' })
})

t.test('another\'s pod with the master label is nobody\'s master here', async (t) => {
  t.match(status([...pods(), pod('demo-redis-9', { role: 'master', owner: 'another' })]), { master: 'demo-redis-0', phase: 'Ready' })
})

t.test('only the component that lacks pods is named', async (t) => {
  t.match(condition(status(pods().filter(({ metadata }) => metadata?.name !== 'demo-sentinel-1')), 'Ready'), { message: '2/3 sentinel pods are ready.' })
})

t.test('the time of the last role update is the master\'s, and stays while there is none', async (t) => {
  const nobody = [pod('demo-redis-1', { role: 'slave' })]
  t.equal(status(nobody, { lastRoleUpdateTime: '2026-11-22T00:00:00Z' }).lastRoleUpdateTime, '2026-11-22T00:00:00Z')
  t.equal(status([pod('demo-redis-1', { role: 'master', since: '2026-11-23T09:30:00Z' })], { lastRoleUpdateTime: '2026-11-22T00:00:00Z' }).lastRoleUpdateTime, '2026-11-23T09:30:00Z')
  t.notOk('lastRoleUpdateTime' in status(nobody))
  t.notOk('lastRoleUpdateTime' in status(nobody, { lastRoleUpdateTime: 7 }), 'what is no time is not kept')
})

t.test('a second status is the same as the first while nothing changes', async (t) => {
  const first = status(pods())
  t.strictSame(syncRedisSentinel(redisSentinel({}, { status: first }), { ...there, pods: pods() }, LATER).status, first)
})

t.test('every status is one that the CRD declares', async (t) => {
  for (const some of [[], pods(), [pod('demo-redis-1', { role: 'master' })]]) t.strictSame(StatusSchema.strict().parse(status(some)), status(some))
})
