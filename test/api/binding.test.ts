import t from 'tap'
import { Binding } from '../../src/api/binding.ts'
import { RedisSentinelSpec } from '../../src/api/redis-sentinel.ts'
import { RedisSpec } from '../../src/api/redis.ts'

t.test('there is none unless it is asked for', async (t) => {
  t.strictSame(Binding.parse({}), { enable: false })
  for (const spec of [RedisSpec, RedisSentinelSpec]) {
    t.equal(spec.parse({}).binding, undefined)
    t.strictSame(spec.parse({ binding: { enable: true } }).binding, { enable: true })
    t.notOk(spec.safeParse({ binding: { enable: 'yes' } }).success)
  }
})
