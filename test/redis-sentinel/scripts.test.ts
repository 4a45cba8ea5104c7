// The pods' scripts against a redis-cli that gives canned answers. What real processes do is in test/lab.
import { writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { SHELLS, REDIS, SENTINELS, replica, named, refused, started, withData, createWorld, NOAUTH } from './world.ts'
import { hash } from '../../src/metadata/names.ts'
import { SCRIPTS as LOCAL_TEXTS } from '../../src/redis/scripts.ts'
import { SCRIPTS as TEXTS } from '../../src/redis-sentinel/scripts.ts'
import { tlsCliFlags } from '../../src/redis/tls.ts'

for (const [name, shell] of Object.entries(SHELLS)) {
  t.test(`the password reaches redis quoted, in a file of its own user, and no command line or log (${name})`, async (t) => {
    const world = createWorld(t, { shell, ordinal: 1, password: ' p#"\\ $x\'\n', answers: named('fd00::10') })
    writeFileSync(world.file('data', 'redis.conf'), 'old')
    const log = await world.start('redis-start.sh')
    const conf = await world.read('data/redis.conf')
    t.match(conf, '\nreplica-announce-ip fd00::11\n')
    t.match(conf, '\nreplicaof fd00::10 6379\n')
    t.match(conf, /\nuser default on ~\* &\* \+@all -replicaof -slaveof -failover .* "> p#\\"\\\\ \$x'"\n/)
    t.match(conf, /\nuser operator-replication on -@all \+psync \+replconf \+ping ">[0-9a-f]{64}"\n/)
    t.match(conf, /\nmasteruser operator-replication\nmasterauth "[0-9a-f]{64}"\n/, 'made from it')
    t.equal(world.mode('data/redis.conf'), '600', 'also when there was a readable one')
    // all pods are asked at once
    const passwords = [...new Set((await world.read('passwords')).trimEnd().split('\n'))].sort()
    t.match(passwords.join('\n'), /^ p#"\\ \$x'\n[0-9a-f]{64}$/, 'redis-cli has it in its environment, and the one that it links with')
    for (const text of [log, await world.read('asked'), await world.read('started')]) t.notMatch(text, 'p#')
    t.notMatch(await world.read('started'), 'REDISCLI_AUTH')
  })

  t.test(`the password reaches the sentinel for its clients, the other sentinels and redis (${name})`, async (t) => {
    const world = createWorld(t, { shell, password: '"p w"', answers: { 'fd00::12.INFO': replica('fd00::11') } })
    const log = await world.start('sentinel-start.sh')
    const conf = await world.read('data/sentinel.conf')
    t.match(conf, '\nsentinel monitor mymaster fd00::11 6379 2\n', 'master_host keeps its colons')
    t.match(conf, '\nuser default on ~* &* +@all -publish -sentinel|is-master-down-by-addr ">\\"p w\\""\n')
    for (const directive of ['sentinel sentinel-', 'sentinel auth-']) {
      const name = directive.includes('auth') ? 'mymaster ' : ''
      t.match(conf, `\n${directive}user ${name}operator-sentinel\n${directive}pass ${name}"`)
    }
    t.equal(world.mode('data/sentinel.conf'), '600')
    for (const text of [log, await world.read('asked'), await world.read('started')]) t.notMatch(text, 'p w')
  })

  t.test(`a redis that everybody refuses never takes that for the first bootstrap (${name})`, async (t) => {
    for (const ordinal of [0, 1]) {
      const world = createWorld(t, { shell, ordinal, password: 'old', answers: { ...refused(REDIS, 'INFO'), ...refused(SENTINELS, 'SENTINEL') } })
      t.match(await world.start('redis-start.sh'), /waiting: .*; refuses the password or the certificate: fd00::1/)
      t.notOk(await started(world))
      t.match(await world.play('redis-ready.sh'), { code: 1, output: /^waiting: .* refuses the password/ })
      t.match(await world.play('redis-alive.sh'), { code: 0 })
    }
  })
}

t.test('the programs of Valkey are found where there are no others', async (t) => {
  const world = createWorld(t, { shell: SHELLS.busybox, product: 'valkey', ordinal: 1, answers: named('fd00::10') })
  await world.start('redis-start.sh')
  t.match(await world.read('started'), /data\/redis\.conf\n/)
})

t.test('without a Secret the default user needs no password, and the users of the operator have theirs from the identity', async (t) => {
  const world = createWorld(t, { ordinal: 1, answers: named('fd00::10') })
  await world.start('redis-start.sh')
  const made = hash('sha256', `operator-replication:${'c'.repeat(64)}:`)
  t.match(await world.read('data/redis.conf'), new RegExp(`\nuser default on .* -replicaof .* nopass\n[^]*\nmasteruser operator-replication\nmasterauth "${made}"\n`))
  t.match(await world.read('passwords'), /^(none\n)+([0-9a-f]{64}\n)+$/)
})

t.test('beside a pod without these users the default user keeps its rights for a while, and is what a replica links as', async (t) => {
  const world = createWorld(t, { ordinal: 1, answers: { ...named('fd00::10'), 'fd00::12.PING': 'PONG\n' } })
  writeFileSync(world.file('answers', 'fd00::12.PING.warning'), 'AUTH failed: WRONGPASS invalid username-password pair or user is disabled.\n')
  await world.start('redis-start.sh')
  t.match(await world.read('data/redis.conf'), /\nuser default on ~\* &\* \+@all nopass\nuser operator-[^]*\nmasteruser default\nmasterauth ""\n/)
})

for (const [what, text] of [['empty', '\n'], ['of two lines', 'one\ntwo\n']] as const) {
  t.test(`a password that is ${what} starts nothing, and a new one is read while they wait`, async (t) => {
    const world = createWorld(t, { ordinal: 1, password: text, answers: named('fd00::10') })
    t.match(await world.start('redis-start.sh'), /waiting: \S+\/password is not one line with a password/)
    t.match(await world.start('sentinel-start.sh'), /waiting: \S+\/password is not one line with a password/)
    t.notOk(await started(world))
    await world.start('redis-start.sh', () => world.setPassword('good'))
    t.match(await world.read('data/redis.conf'), /\nuser default on .* ">good"\n/)
  })
}

t.test('one sentinel that refuses is enough to stop the first bootstrap', async (t) => {
  const world = createWorld(t, { answers: refused(['fd00::22'], 'SENTINEL') })
  t.match(await world.start('redis-start.sh'), /refuses the password or the certificate: fd00::22/)
  t.notOk(await started(world))
})

t.test('an error that a failed TLS handshake leaves is no silence either', async (t) => {
  const world = createWorld(t, { flags: tlsCliFlags('required'), answers: { 'fd00::12.INFO': '', 'fd00::12.INFO.error': '\nI/O error\n' } })
  t.match(await world.start('redis-start.sh'), /refuses the password or the certificate: fd00::12/)
  t.notOk(await started(world))
})

t.test('a named master with data resumes without a silent peer, not without one that refuses', async (t) => {
  const world = createWorld(t, { password: 'new', answers: { ...named('fd00::10'), ...refused(['fd00::12'], 'INFO') } })
  withData(world)
  t.match(await world.start('redis-start.sh'), /does not know about the data of fd00::12; refuses the password/)
  t.notOk(await started(world))
  t.match(await createAndResume(t), /starts as master/)
})

t.test('a named master that restarts leaves the office to a replica that was in its stream, and goes on when that one may not have it', async (t) => {
  const withPriority = (priority: number) => replica('fd00::10', `slave_repl_offset:9\r\nslave_priority:${priority}\r\n`)
  for (const [priority, said] of [[100, /the data is at fd00::11: another one is to be promoted/], [0, /starts as master/]] as const) {
    const world = createWorld(t, { answers: { ...named('fd00::10'), 'fd00::11.INFO': withPriority(priority), 'fd00::12.INFO': withPriority(0) } })
    withData(world)
    t.match(await world.start('redis-start.sh'), said)
  }
})

async function createAndResume (t: Test): Promise<string> {
  const world = createWorld(t, { answers: named('fd00::10') })
  withData(world)
  return await world.start('redis-start.sh')
}

t.test('a sentinel without state guesses nothing while somebody refuses', async (t) => {
  const world = createWorld(t, { password: 'new', answers: refused(['fd00::12', 'fd00::21'], 'INFO') })
  t.match(await world.start('sentinel-start.sh'), /waiting: no state, looks for the master; refuses the password or the certificate: fd00::12/)
  t.notOk(await started(world))
  const other = createWorld(t, { password: 'new', answers: refused(['fd00::12'], 'INFO') })
  await other.start('sentinel-start.sh', () => other.answer('fd00::12.INFO', replica('fd00::11')))
  t.match(await other.read('data/sentinel.conf'), '\nsentinel monitor mymaster fd00::11 6379 2\n')
})

t.test('a server that refuses the password is alive and not ready', async (t) => {
  const world = createWorld(t, { password: 'x', answers: { ...refused(['127.0.0.1'], 'PING'), ...refused(['127.0.0.1'], 'INFO'), ...refused(['127.0.0.1'], 'SENTINEL') } })
  for (const kind of ['redis', 'sentinel']) {
    t.match(await world.play(`${kind}-alive.sh`), { code: 0 })
    t.match(await world.play(`${kind}-ready.sh`), { code: 1, output: `${kind} refuses the password` })
  }
  world.setPassword('')
  t.match(await world.play('redis-ready.sh'), { code: 1 })
  t.match(await world.read('hook-log'), /is not one line with a password: the last one stays in force/)
})

t.test('liveness needs neither the password nor a certificate that is right', async (t) => {
  const world = createWorld(t, { password: 'x', flags: tlsCliFlags('required'), answers: { '127.0.0.1.PING': 'PONG\n' } })
  t.match(await world.play('redis-alive.sh'), { code: 0 })
  t.match(await world.read('asked'), '-h 127.0.0.1 -p 6379 --tls --insecure --cert /tls/tls.crt --key /tls/tls.key PING\n')
  t.equal(await world.read('passwords'), 'none\n')
})

const master = '# Replication\r\nrole:master\r\nconnected_slaves:1\r\nmaster_repl_offset:10\r\n'

t.test('preStop waits also for one that does not tell whether it is a master, and asks with the password that redis has', async (t) => {
  const cases: [string, RegExp][] = [
    [master, /no handover in time: the sentinels will promote a replica/],
    [NOAUTH, /no handover in time: NOAUTH/],
    ['BUSY Redis is busy running a script.\n\n', /no handover in time: the sentinels/],
  ]
  for (const [answer, expected] of cases) {
    const world = createWorld(t, { password: 'new', answers: { '127.0.0.1.INFO': answer } })
    writeFileSync(world.file('data', '.password'), 'kept\n')
    t.match(await world.play('redis-prestop.sh'), { code: 0 })
    t.match(await world.read('hook-log'), expected)
    t.match(await world.read('passwords'), /^(kept\n)+$/)
    t.notMatch(await world.read('asked'), /FAILOVER|PAUSE|REPLICAOF/, 'it only looks')
  }
  for (const answer of [replica('fd00::11'), master.replace('connected_slaves:1', 'connected_slaves:0')]) {
    const world = createWorld(t, { answers: { '127.0.0.1.INFO': answer } })
    t.match(await world.play('redis-prestop.sh'), { code: 0 })
    t.equal(await world.read('hook-log'), '')
  }
})

// The last note that a start takes is that of the certificate: the check runs in the middle of it.
const CHECK_MEANWHILE = (script: string) => `#!/bin/sh
[ -n "\${NESTED:-}" ] || NESTED=1 dash "$CONFIG_DIR/${script}" >"$WORLD/meanwhile"
echo sum
`

for (const kind of ['redis', 'sentinel'] as const) {
  t.test(`a ${kind} that starts is judged by no note of the former one, which had another certificate`, async (t) => {
    const world = createWorld(t, { flags: tlsCliFlags('required'), answers: { ...named('fd00::10'), 'fd00::11.INFO': replica('fd00::10'), 'fd00::12.INFO': replica('fd00::10') } })
    for (const file of ['tls.crt', 'tls.key', 'ca.crt']) writeFileSync(world.file('config', file), 'new')
    writeFileSync(world.file('data', '.certificate'), 'former\n')
    writeFileSync(world.file('bin', 'sha256sum'), CHECK_MEANWHILE(`${kind}-ready.sh`), { mode: 0o755 })
    Object.assign(world.env, { TLS_DIR: world.file('config') })
    await world.start(`${kind}-start.sh`)
    t.ok(await started(world))
    t.match(await world.read('meanwhile'), /^waiting: /)
    t.notMatch(await world.read('asked'), /SHUTDOWN|CONFIG SET/)
    t.equal(await world.read('data/.waiting'), '')
  })
}

t.test('no script takes the name of a function that another one, which it reads, has', async (t) => {
  const functions = (text: string) => [...text.matchAll(/^([a-z_]+)\(\) \{/gm)].map(([, name]) => name as string)
  const all: Readonly<Record<string, string>> = { ...LOCAL_TEXTS, ...TEXTS }
  const sources = (name: string): string[] => {
    const read = [...(all[name] ?? '').matchAll(/^\. "\$\{?CONFIG_DIR[^"]*\/([a-z-]+\.sh)"/gm)].map(([, file]) => file as string)
    return [name, ...read.flatMap(sources)]
  }
  for (const name of Object.keys(all)) {
    const names = [...new Set(sources(name))].flatMap((file) => functions(all[file] ?? ''))
    t.strictSame(names.filter((one, i) => names.indexOf(one) !== i), [], name)
  }
  t.ok(sources('sentinel-start.sh').includes('passwords.sh'), 'what a script reads is found')
})
