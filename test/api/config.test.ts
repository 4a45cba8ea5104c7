import t from 'tap'
import { configLines, configProblems, configStatus, directives } from '../../src/api/config.ts'

t.test('directives of redis.conf become its lines, in the order of their names', async (t) => {
  t.strictSame(configProblems({ maxmemory: '1gb', 'maxmemory-policy': 'allkeys-lru' }), [])
  t.strictSame(configLines({ 'maxmemory-policy': 'allkeys-lru', maxmemory: '1gb' }), ['maxmemory 1gb', 'maxmemory-policy allkeys-lru'])
  for (const value of ['""', '"a b" c', "'a \\' b'", '"a\\"b"', 'a\\b', ' 60 1000 ']) t.strictSame(configProblems({ 'notify-keyspace-events': value }), [], value)
  t.strictSame([configLines(undefined), configProblems(undefined)], [[], []])
})

const wrong: Record<string, [Record<string, string>, RegExp]> = {
  'one on which failover rests': [{ 'replica-priority': '0' }, /replica-priority is the operator's own/],
  'its old name': [{ slaveof: '1.2.3.4 6379' }, /slaveof is the operator's own/],
  'a password': [{ requirepass: 'x' }, /requirepass is the operator's own/],
  TLS: [{ 'tls-port': '6380' }, /tls-port is the operator's own/],
  'one that takes effect in a second line': [{ maxmemory: '1gb\nport 1' }, /maxmemory must be one line/],
  'an empty value': [{ maxmemory: '' }, /maxmemory must be one line/],
  'a quote that does not end': [{ proctitle: '"abc' }, /the quotes in the value of proctitle/],
  'a quote with something after it': [{ proctitle: '"a"b' }, /the quotes in the value of proctitle/],
  'a single quote': [{ proctitle: "it's" }, /the quotes in the value of proctitle/],
  'the name that Valkey has for a password': [{ primaryauth: 'x' }, /primaryauth is the operator's own/],
  'a name that no status has room for': [{ ['a'.repeat(65)]: 'x' }, /is no directive/],
  'a name with a space': [{ 'maxmemory 1gb\nport': '1' }, /is no directive/],
  'capital letters, which would get around the list': [{ Port: '1' }, /is no directive/],
}
for (const [name, [config, problem]] of Object.entries(wrong)) {
  t.test(`${name} is refused`, async (t) => {
    t.match(configProblems(config), [problem])
  })
}

t.test('what only a start reads is told from what a running redis takes', async (t) => {
  const config = { databases: '32', maxmemory: '1gb' }
  t.strictSame(directives(config, 'start'), { databases: '32' })
  t.strictSame(directives(config, 'live'), { maxmemory: '1gb' })
})

t.test('the status says how each directive takes effect', async (t) => {
  const config = { maxmemory: '1gb', databases: '20', appendfsync: 'always' }
  t.strictSame(configStatus(config, 'live'), { live: ['appendfsync', 'maxmemory'], restart: ['databases'] })
  t.strictSame(configStatus(config, 'restart'), { restart: ['appendfsync', 'databases', 'maxmemory'] })
  t.strictSame(configStatus({ maxmemory: '1gb' }, 'live'), { live: ['maxmemory'] })
  for (const none of [undefined, {}]) t.equal(configStatus(none, 'live'), undefined)
})
