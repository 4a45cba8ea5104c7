import t from 'tap'
import { AUTH_RULES, Auth } from '../../src/api/auth.ts'
import { RedisSentinelSpec } from '../../src/api/redis-sentinel.ts'
import { RedisSpec } from '../../src/api/redis.ts'

const names: Record<string, boolean> = { password: true, 'a.b-c': true, '': false, Upper: false, '-a': false, 'a/b': false, ['a'.repeat(254)]: false }
for (const [secretName, valid] of Object.entries(names)) {
  t.test(`${secretName.slice(0, 20) || 'nothing'} ${valid ? 'is' : 'is not'} the name of a Secret`, async (t) => {
    t.equal(Auth.safeParse({ secretName }).success, valid)
  })
}

t.test('both kinds take it, and without it there is no password', async (t) => {
  for (const spec of [RedisSpec, RedisSentinelSpec]) {
    t.equal(spec.parse({}).auth, undefined)
    t.strictSame(spec.parse({ auth: { secretName: 'x' } }).auth, { secretName: 'x' })
    t.notOk(spec.safeParse({ auth: {} }).success)
  }
})

t.test('the rules of the CRD are about changes alone', async (t) => {
  t.ok(AUTH_RULES.every(({ rule }) => rule.includes('oldSelf')))
})
