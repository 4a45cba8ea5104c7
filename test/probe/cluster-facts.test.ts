import t from 'tap'
import { type ClusterFacts, trimCluster } from '../../src/probe/cluster-facts.ts'

const metadata = { namespace: 'shop', name: 'cache', uid: 'u', resourceVersion: '7' }
const read = (spec: unknown, before?: ClusterFacts, status?: object, more?: object) => trimCluster({ metadata: { ...metadata, ...more }, spec, ...(status && { status }) }, before)

/** As it was: other numbers and Secrets than any default. */
const before: ClusterFacts = {
  ...metadata,
  resourceVersion: '6',
  redisReplicas: 5,
  sentinelReplicas: 5,
  masterName: 'main',
  downAfterMilliseconds: 3000,
  failoverTimeout: 9000,
  authSecret: 'password',
  tlsSecret: 'certificate',
  wanted: 'cache-redis-1',
}
const kept = { ...before, resourceVersion: '7', wanted: undefined }
const defaults = {
  ...metadata,
  redisReplicas: 3,
  sentinelReplicas: 3,
  masterName: 'mymaster',
  downAfterMilliseconds: 5000,
  failoverTimeout: 10_000,
  authSecret: undefined,
  tlsSecret: undefined,
  wanted: undefined,
}
const changed = { redisReplicas: 7, auth: { secretName: 'another' } }

const rules: Record<string, [seen: ClusterFacts | undefined, wanted: object | undefined]> = {
  'a spec without fields has the defaults': [read({}), defaults],
  'a change counts at once': [read(changed, before), { ...defaults, redisReplicas: 7, authSecret: 'another' }],
  'an unrelated mistake changes nothing': [read({ ...changed, storage: 'much' }, before), { ...defaults, redisReplicas: 7, authSecret: 'another' }],
  'a mistake in what is read keeps the last good ones': [read({ redisReplicas: 'many' }, before), kept],
  'and there is none without them': [read({ redisReplicas: 'many' }), undefined],
  'while it is paused nothing changes, the names of the Secrets neither': [read({ ...changed, paused: true }, before), kept],
  'one that was paused before the probe came has the numbers of the status':
    [read({ ...changed, paused: true }, undefined, { redisReady: '2/5', sentinelReady: '0/1' }), { ...defaults, redisReplicas: 5, sentinelReplicas: 1, authSecret: 'another' }],
  'which count for nothing else': [read({}, undefined, { redisReady: '2/5', sentinelReady: '0/1' }), defaults],
  'paused from its beginning': [read({ paused: true }, undefined, {}), defaults],
  'one that is being deleted is no cluster': [read({}, before, undefined, { deletionTimestamp: 'now' }), undefined],
  'a switchover that is asked for': [read({}, undefined, undefined, { annotations: { 'cache.iguochan.io/switchover': 'cache-redis-2' } }), { ...defaults, wanted: 'cache-redis-2' }],
}
for (const [name, [seen, wanted]] of Object.entries(rules)) t.test(name, async (t) => { t.strictSame(seen, wanted) })
