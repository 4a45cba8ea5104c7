import type { PersistentVolumeClaim } from 'kubernetes-types/core/v1.js'
import t from 'tap'
import { syncRedisSentinel } from '../../src/redis-sentinel/sync.ts'
import { claimsVerdict } from '../../src/redis/volume-claims.ts'
import { CLAIM, LATER, NOTHING, pods, redisSentinel, settledObserved } from '../fixtures.ts'

const observed = settledObserved('redis-sentinel', redisSentinel(CLAIM), pods())
const larger = redisSentinel({ storage: { size: '2Gi' } })

function claim (name: string, requested: string, capacity: string | null = requested): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: { resources: { requests: { storage: requested } } },
    ...(capacity !== null && { status: { capacity: { storage: capacity } } }),
  }
}
const claims = (...sizes: string[]) => sizes.map((size, ordinal) => claim(`data-demo-redis-${ordinal}`, size))
const applied = (volumeClaims: PersistentVolumeClaim[], parent = larger) =>
  syncRedisSentinel(parent, { ...observed, volumeClaims }, LATER).status.conditions?.find(({ type }) => type === 'Applied')

const cases: Record<string, [PersistentVolumeClaim[], string, RegExp]> = {
  'no claim was observed yet': [[], 'ImmutableField', /StatefulSet demo-redis/],
  'none has grown': [claims('1Gi', '1Gi', '1Gi'), 'VolumesGrowing', /data-demo-redis-0 asks for 1Gi of 2Gi, data-demo-redis-1 .*, data-demo-redis-2 asks/],
  'one is left': [claims('2Gi', '2Gi', '1Gi'), 'VolumesGrowing', /^data-demo-redis-2 asks for 1Gi of 2Gi\./],
  'the storage has not followed': [[claim('data-demo-redis-0', '2Gi', '1Gi')], 'VolumesGrowing', /^data-demo-redis-0 has 1Gi of 2Gi\./],
  'all have grown': [claims('2Gi', '2048Mi', '3Gi'), 'AllApplied', /./],
  'one of a removed ordinal is small': [[...claims('2Gi', '2Gi', '2Gi'), claim('data-demo-redis-3', '1Gi')], 'AllApplied', /./],
  'one has no size yet': [[claim('data-demo-redis-0', '2Gi', null)], 'AllApplied', /./],
  'somebody else has small ones': [[...claims('2Gi', '2Gi', '2Gi'), claim('other', '1Gi')], 'AllApplied', /./],
}
for (const [name, [found, reason, message]] of Object.entries(cases)) {
  t.test(`the size is larger than the template's and ${name}: ${reason}`, async (t) => {
    t.match(applied(found), { reason, message })
  })
}

t.test('claims that an earlier CR has left are too small for a new one, although its template is right', async (t) => {
  t.match(applied(claims('512Mi'), redisSentinel(CLAIM)), { reason: 'VolumesGrowing', message: /asks for 512Mi of 1Gi/ })
})

t.test('another class cannot be applied, whatever the claims say', async (t) => {
  t.match(applied(claims('2Gi', '2Gi', '2Gi'), redisSentinel({ storage: { size: '2Gi', storageClassName: 'fast' } })), { reason: 'ImmutableField' })
})

t.test('without a StatefulSet there is nothing to say', async (t) => {
  t.equal(claimsVerdict([], NOTHING), undefined)
})
