import t from 'tap'
import { RedisSentinelSpec } from '../../src/api/redis-sentinel.ts'
import { RedisSpec } from '../../src/api/redis.ts'
import { Tls, TLS_RULES } from '../../src/api/tls.ts'

t.test('clients need no certificate unless it is asked for', async (t) => {
  t.strictSame(Tls.parse({ secretName: 'cert' }), { secretName: 'cert', clientCertificates: 'optional' })
  t.equal(Tls.parse({ secretName: 'cert', clientCertificates: 'required' }).clientCertificates, 'required')
  for (const wrong of [{}, { secretName: '' }, { secretName: 'A' }, { secretName: 'cert', clientCertificates: 'maybe' }]) t.notOk(Tls.safeParse(wrong).success)
})

t.test('both kinds take it, and it can neither come nor go', async (t) => {
  for (const spec of [RedisSpec, RedisSentinelSpec]) {
    t.equal(spec.parse({}).tls, undefined)
    t.match(spec.parse({ tls: { secretName: 'x' } }).tls, { secretName: 'x' })
  }
  t.match(TLS_RULES.map(({ rule }) => rule), ['has(self.tls) == has(oldSelf.tls)'])
})
