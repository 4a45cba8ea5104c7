import t from 'tap'
import { clusterEnv } from '../../src/redis-sentinel/cluster-env.ts'
import { redisConf } from '../../src/redis-sentinel/redis-conf.ts'
import { sentinelConf } from '../../src/redis-sentinel/sentinel-conf.ts'
import { tlsCliFlags, tlsConf } from '../../src/redis/tls.ts'

t.test('with TLS nothing is served or dialled in plain text', async (t) => {
  t.strictSame(tlsConf(6379, 'optional'), [
    'port 0',
    'tls-port 6379',
    'tls-replication yes',
    'tls-cert-file /tls/tls.crt',
    'tls-key-file /tls/tls.key',
    'tls-ca-cert-file /tls/ca.crt',
    'tls-auth-clients optional',
  ])
  t.equal(tlsConf(6379, 'required').at(-1), 'tls-auth-clients yes')
})

const texts = {
  redis: (tls?: boolean) => redisConf({ persistent: true, redisReplicas: 3, port: 6379, ...(tls && { tls: { clientCertificates: 'optional' as const }, tlsDir: '/scratch' }) }),
  sentinel: (tls?: boolean) => sentinelConf({ port: 26379, ...(tls && { tls: { clientCertificates: 'optional' as const }, tlsDir: '/scratch' }) }),
}

for (const [name, text] of Object.entries(texts)) {
  t.test(`TLS replaces the port of ${name} and changes nothing else`, async (t) => {
    const plain = text().split('\n')
    const secure = text(true).split('\n')
    t.equal(text(false), text())
    t.match(plain[0], /^port \d+$/)
    t.strictSame(secure.slice(7), plain.slice(1))
    t.match(secure.slice(0, 7).join('\n'), /^port 0\ntls-port \d+\n/)
    t.equal(secure.filter((line) => line.includes('/scratch/')).length, 3, 'the files are those of the given folder')
  })
}

t.test('redis-cli gets the same files by flags that cluster.env takes', async (t) => {
  t.strictSame(tlsCliFlags('optional'), ['--tls', '--cacert', '/tls/ca.crt'])
  t.strictSame(tlsCliFlags('required'), ['--tls', '--cacert', '/tls/ca.crt', '--cert', '/tls/tls.crt', '--key', '/tls/tls.key'])
  const env = clusterEnv({
    masterName: 'mymaster',
    redisPort: 6379,
    sentinelPort: 26379,
    redisAddresses: ['fd00::12'],
    sentinelAddresses: ['fd00::20'],
    sentinelIds: ['a'.repeat(40)],
    quorum: 2,
    downAfterMilliseconds: 5000,
    failoverTimeout: 10000,
    fenceMilliseconds: 3000,
    minReplicas: 1,
    handoverSeconds: 13,
    identity: 'c'.repeat(64),
    redisCliFlags: tlsCliFlags('required'),
  })
  t.match(env, "\nREDIS_CLI_FLAGS='--tls --cacert /tls/ca.crt --cert /tls/tls.crt --key /tls/tls.key'\n")
})
