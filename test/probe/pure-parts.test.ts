/** The small pure pieces: replies, what is remembered of a process, the patch, the environment, the pace of reconnecting. */
import t from 'tap'
import { parseConfig } from '../../src/probe/config.ts'
import { reconnectDelay } from '../../src/probe/connection.ts'
import type { PodFacts } from '../../src/probe/inventory.ts'
import { labelPatch } from '../../src/probe/label-patch.ts'
import { answered, blocked, lost, refused, UNSEEN } from '../../src/probe/process-state.ts'
import { parseReplication, parseQuorum, parseRole, parseSentinelAnswer, parseSetting, parseVote } from '../../src/probe/replies.ts'
import { master, slaveOf } from './observations.ts'

await t.test('ROLE of a master lists its replicas', async (t) => {
  t.strictSame(parseRole(['master', 42, [['10.0.0.1', '6379', '40']]]), { kind: 'master', offset: 42, replicas: [{ address: '10.0.0.1', offset: 40 }] })
})

await t.test('ROLE of a replica names its master and the state of the link', async (t) => {
  t.strictSame(parseRole(['slave', '10.0.0.0', 6379, 'connect', -1]), { kind: 'slave', master: '10.0.0.0', link: 'connect', offset: -1 })
})

for (const reply of [undefined, 'OK', [], ['sentinel', ['mymaster']], ['master', 1], ['slave']]) {
  await t.test(`${JSON.stringify(reply)} is no role`, async (t) => t.equal(parseRole(reply), undefined))
}

await t.test('a sentinel in a failover names the promoted one while it still monitors the old one', async (t) => {
  const reply = ['name', 'mymaster', 'ip', '10.0.0.0', 'port', '6379', 'runid', 'ab', 'flags', 's_down,o_down,master,failover_in_progress', 'last-ok-ping-reply', '900', 'config-epoch', '3']
  t.strictSame(parseSentinelAnswer(['10.0.0.1', '6379'], reply, [1, 'ab', 4]), {
    named: '10.0.0.1', monitored: '10.0.0.0', failingOver: true, subjectivelyDown: true, quietMs: 900, configEpoch: 3, vote: { leader: 'ab', epoch: 4 },
  })
  t.match(parseSentinelAnswer(['10.0.0.1', '6379'], reply.with(7, ''), undefined), { quietMs: Infinity }, 'one that it has never reached')
})

await t.test('a vote is one when a leader is named', async (t) => {
  t.strictSame(parseVote([0, 'abc', 7]), { leader: 'abc', epoch: 7 })
  for (const reply of [[0, '*', 0], [1, '*', 7], undefined, 'ERR', []]) t.equal(parseVote(reply), undefined)
})

await t.test('a master may have the name of a field', async (t) => {
  for (const name of ['ip', 'flags', 'config-epoch']) {
    const reply = ['name', name, 'ip', '10.0.0.1', 'flags', 'master,s_down', 'config-epoch', '7']
    t.match(parseSentinelAnswer(['10.0.0.1', '6379'], reply, undefined), { monitored: '10.0.0.1', subjectivelyDown: true, configEpoch: 7 }, name)
  }
})

await t.test('a sentinel that does not know the master gives no answer', async (t) => t.equal(parseSentinelAnswer(null, [], undefined), undefined))

await t.test('a replica has the history and the offset that INFO knows', async (t) => {
  const info = '# Replication\r\nrole:slave\r\nslave_read_repl_offset:9\r\nslave_repl_offset:42\r\nslave_priority:7\r\nmaster_replid:0af\r\nmaster_repl_offset:7\r\n'
  t.strictSame(parseReplication(info), { history: '0af', offset: 42, unlinkedSeconds: -1, priority: 7 })
  t.strictSame(parseReplication(`${info}\r\nmaster_link_down_since_seconds:7\r\n`), { history: '0af', offset: 42, unlinkedSeconds: 7, priority: 7 })
  t.strictSame(parseReplication('role:master'), { history: undefined, offset: -1, unlinkedSeconds: -1, priority: -1 })
})

await t.test('a setting is the second of two', async (t) => {
  t.equal(parseSetting(['replica-announce-ip', '10.0.0.1']), '10.0.0.1')
  for (const reply of [[], ['x'], 'ERR', null]) t.equal(parseSetting(reply), undefined)
})

await t.test('a sentinel says whether it can reach a quorum', async (t) => {
  t.strictSame(['OK 3 usable Sentinels. Quorum and failover authorization can be reached', new Error('NOQUORUM 1 usable Sentinels.'), new Error('ERR No such master with that name')]
    .map(parseQuorum), [null, 'NOQUORUM 1 usable Sentinels.', undefined])
})

await t.test('one refused connection is no proof of death, two some time apart are', async (t) => {
  const once = refused(answered(UNSEEN, master, 0), 1000)
  t.equal(once.process.kind, 'unknown')
  t.equal(refused(once, 1005).process.kind, 'unknown')
  t.equal(refused(once, 1020).process.kind, 'dead')
})

await t.test('a timeout between two refusals starts the proof again', async (t) => {
  t.equal(refused(lost(refused(UNSEEN, 1000), 1010), 1030).process.kind, 'unknown')
})

await t.test('a closed connection forgets what a process is, not whom it followed; its death forgets both', async (t) => {
  const replica = answered(UNSEEN, slaveOf(0), 0)
  const orphan = { kind: 'slave', master: '10.0.0.0', link: 'connect', offset: 100 } as const
  t.match(lost(replica, 5), { process: { kind: 'unknown' }, followed: '10.0.0.0' })
  t.match(blocked(replica), { process: { kind: 'busy' }, followed: '10.0.0.0' })
  t.match(answered(answered(replica, { ...orphan, unlinkedSeconds: 4 }, 9000), { ...orphan, unlinkedSeconds: 5 }, 9500), { unlinkedSince: 5000 })
  t.equal(answered(answered(replica, orphan, 5), slaveOf(0), 7).unlinkedSince, undefined)
  t.match(answered(lost(replica, 5), master, 5), { followed: '10.0.0.0', masterSince: 5 })
  t.equal(refused(refused(replica, 0), 50).followed, undefined)
})

await t.test('silent since the first question without an answer, until the next answer or its death', async (t) => {
  const silent = lost(lost(answered(UNSEEN, master, 0), 7), 9)
  t.equal(silent.silentSince, 7)
  t.equal(answered(silent, master, 11).silentSince, undefined)
  t.equal(refused(silent, 12).silentSince, 7)
  t.equal(refused(refused(silent, 12), 40).silentSince, undefined)
})

await t.test('a replica that never synchronised followed nobody', async (t) => {
  t.equal(answered(UNSEEN, { kind: 'slave', master: '10.0.0.0', link: 'connect', offset: -1 }, 0).followed, undefined)
})

await t.test('master since the first of an unbroken series of answers', async (t) => {
  const first = answered(UNSEEN, master, 7)
  t.equal(answered(answered(first, master, 9), slaveOf(1), 11).masterSince, undefined)
  t.equal(answered(first, master, 9).masterSince, 7)
})

const pod: PodFacts = {
  namespace: 'ns', name: 'a-redis-0', uid: 'u', resourceVersion: '7', cluster: 'a', component: 'redis', ordinal: 0, ip: undefined, node: undefined, presence: 'Present', label: 'slave', revision: 'a', hasAnnotations: true, ended: false,
}

await t.test('a label is replaced only on the same pod and only where the old value still stands', async (t) => {
  t.matchOnly(labelPatch(pod, 'master', '2026-01-01T00:00:00Z'), [
    { op: 'test', path: '/metadata/uid', value: 'u' },
    { op: 'test', path: '/metadata/labels/redis-role', value: 'slave' },
    { op: 'add', path: '/metadata/labels/redis-role', value: 'master' },
    { op: 'add', path: '/metadata/annotations/cache.iguochan.io~1redis-role-since', value: '2026-01-01T00:00:00Z' },
  ])
})

await t.test('a first label is written only on the very version that was seen, with the annotations it may need', async (t) => {
  t.matchOnly(labelPatch({ ...pod, label: undefined, hasAnnotations: false }, 'slave', 'x'), [
    { op: 'test', path: '/metadata/resourceVersion', value: '7' },
    { op: 'add', path: '/metadata/labels/redis-role', value: 'slave' },
    { op: 'add', path: '/metadata/annotations', value: {} },
    { op: 'add', path: '/metadata/annotations/cache.iguochan.io~1redis-role-since', value: 'x' },
  ])
})

await t.test('reconnecting is quick at first and never slower than half a second', async (t) => {
  t.strictSame([1, 2, 3, 4, 5, 13, 99].map(reconnectDelay), [5, 5, 20, 100, 200, 500, 500])
})

await t.test('the environment has defaults for everything, and empty means unset', async (t) => {
  const config = parseConfig({ LOG_LEVEL: '', METRICS_PORT: '9191', HOME: '/root' })
  t.match(config, { METRICS_PORT: 9191, WATCH_NAMESPACE: '', LOG_LEVEL: 'info', FAST_PATH: 'on', LEASE_NAME: 'sentinel-probe' })
  t.ok(Object.isFrozen(config))
  t.throws(() => parseConfig({ METRICS_PORT: 'x' }), /METRICS_PORT/)
  t.throws(() => parseConfig({ FAST_PATH: 'no' }), /FAST_PATH/)
})
