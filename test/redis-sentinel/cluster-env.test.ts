import t from 'tap'
import { clusterEnv, type Topology } from '../../src/redis-sentinel/cluster-env.ts'

const topology: Topology = {
  masterName: 'mymaster',
  redisPort: 6379,
  sentinelPort: 26379,
  redisAddresses: ['10.96.1.1', '10.96.1.2'],
  sentinelAddresses: ['fd00::1'],
  sentinelIds: ['a'.repeat(40)],
  quorum: 2,
  downAfterMilliseconds: 5000,
  failoverTimeout: 10000,
  fenceMilliseconds: 3000,
  minReplicas: 1,
  handoverSeconds: 13,
  identity: 'c'.repeat(64),
}

t.test('every name is there in a fixed order, also without a last master', async (t) => {
  t.strictSame(clusterEnv(topology).split('\n'), [
    "MASTER_NAME='mymaster'",
    "REDIS_PORT='6379'",
    "SENTINEL_PORT='26379'",
    "REDIS_ADDRESSES='10.96.1.1 10.96.1.2'",
    "SENTINEL_ADDRESSES='fd00::1'",
    `SENTINEL_IDS='${'a'.repeat(40)}'`,
    "QUORUM='2'",
    "DOWN_AFTER_MILLISECONDS='5000'",
    "FAILOVER_TIMEOUT='10000'",
    "FENCE_MILLISECONDS='3000'",
    "MIN_REPLICAS='1'",
    "HANDOVER_SECONDS='13'",
    `IDENTITY='${'c'.repeat(64)}'`,
    "LAST_MASTER=''",
    "AUTH=''",
    "REDIS_CLI_FLAGS=''",
    '',
  ])
})

t.test('the last master, the mode and flags are written when they are known', async (t) => {
  const text = clusterEnv({ ...topology, lastMaster: '10.96.1.2', auth: 'open', redisCliFlags: ['--tls', '--cacert', '/tls/ca.crt'] })
  t.match(text, "\nLAST_MASTER='10.96.1.2'\nAUTH='open'\n")
  t.match(text, "\nREDIS_CLI_FLAGS='--tls --cacert /tls/ca.crt'\n")
})

const wrong: readonly Partial<Topology>[] = [
  { masterName: "x'; reboot; '" },
  { masterName: 'two words' },
  { masterName: '' },
  { masterName: 'a\nb' },
  { redisAddresses: ['10.96.1.1', '$(reboot)'] },
  { sentinelAddresses: [''] },
  { sentinelIds: ['A'.repeat(40)] },
  { quorum: 0 },
  { quorum: 1.5 },
  { downAfterMilliseconds: Number.NaN },
  { lastMaster: '`reboot`' },
  { redisCliFlags: ["--tls'"] },
]

for (const change of wrong) {
  t.test(`a value that does not belong there is refused: ${JSON.stringify(change)}`, async (t) => {
    t.throws(() => clusterEnv({ ...topology, ...change }), TypeError)
  })
}
