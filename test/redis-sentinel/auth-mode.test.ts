import type { Pod } from 'kubernetes-types/core/v1.js'
import t from 'tap'
import { RedisSentinelSpec } from '../../src/api/redis-sentinel.ts'
import type { Observed } from '../../src/metadata/children.ts'
import { authMode } from '../../src/redis-sentinel/auth-mode.ts'
import { syncRedisSentinel } from '../../src/redis-sentinel/sync.ts'
import { CLAIM, LATER, NOTHING, observedOf, pods, redisSentinel, settledObserved } from '../fixtures.ts'

const AUTH = { auth: { secretName: 'password' } }
const secured = redisSentinel({ ...CLAIM, ...AUTH })
const spec = RedisSentinelSpec.parse(secured.spec)
const mode = (observed: Observed) => authMode(secured, spec, observed)
const withPassword = (pod: Pod): Pod => ({ ...pod, spec: { containers: [], volumes: [{ name: 'config' }, { name: 'auth' }] } })
const before = settledObserved('redis-sentinel', redisSentinel(CLAIM), pods())
/** After the answer to the new spec. */
const updated = observedOf(syncRedisSentinel(secured, before, LATER).children, pods())

t.test('a new cluster wants its password from the first process on', async (t) => {
  t.equal(mode(NOTHING), 'required')
  const { children } = syncRedisSentinel(secured, NOTHING, LATER)
  t.match(JSON.stringify(children), /"auth":"required"/, 'and remembers it')
  t.equal(mode(observedOf(children)), 'required')
})

t.test('a running cluster wants it when every pod has it, and not a moment before', async (t) => {
  t.equal(mode(before), 'open')
  t.equal(mode(updated), 'open', 'the templates alone are no pods')
  for (let count = 1; count < 6; count++) {
    t.equal(mode({ ...updated, pods: pods().map((pod, i) => i < count ? withPassword(pod) : pod) }), 'open', `${count} of 6`)
  }
  t.equal(mode({ ...updated, pods: pods().slice(1).map(withPassword) }), 'open', 'one that is being made anew may be an old one')
  t.equal(mode({ ...updated, statefulSets: updated.statefulSets.slice(1), pods: pods().map(withPassword) }), 'open', 'a StatefulSet was not observed')
  t.equal(mode({ ...before, pods: pods().map(withPassword) }), 'open', 'templates without it would make such pods again')
  t.equal(mode({ ...updated, pods: pods().map(withPassword) }), 'required')
})

t.test('what is required once is required for ever, as long as either ConfigMap remembers it', async (t) => {
  const { children } = syncRedisSentinel(secured, { ...updated, pods: pods().map(withPassword) }, LATER)
  const remembers = observedOf(children, pods())
  t.equal(mode(remembers), 'required', 'whatever the pods look like')
  const without = (suffix: string) => ({ ...remembers, configMaps: remembers.configMaps.filter(({ metadata }) => !metadata?.name?.endsWith(suffix)) })
  t.equal(mode(without('-state')), 'required')
  t.equal(mode(without('-redis-config')), 'required')
})

t.test('without a password there is no mode', async (t) => {
  t.equal(authMode(redisSentinel(), RedisSentinelSpec.parse(redisSentinel().spec), NOTHING), undefined)
})

t.test('the pods learn the mode from their file, and their templates do not hold it', async (t) => {
  const env = (observed: Observed) => syncRedisSentinel(secured, observed, LATER).children
    .flatMap((child) => child.kind === 'ConfigMap' && 'data' in child ? child.data?.['cluster.env'] ?? [] : [])
  t.ok(env(updated).length === 2 && env(updated).every((text) => text.includes("AUTH='open'")))
  t.ok(env({ ...updated, pods: pods().map(withPassword) }).every((text) => text.includes("AUTH='required'")))
  const templates = (observed: Observed) => JSON.stringify(syncRedisSentinel(secured, observed, LATER).children.filter(({ kind }) => kind === 'StatefulSet'))
  t.equal(templates(updated), templates({ ...updated, pods: pods().map(withPassword) }), 'nothing restarts when the last one has it')
})
