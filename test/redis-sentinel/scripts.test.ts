// The pods' scripts against a redis-cli that gives canned answers and a server that only shows how it was started. What real
// processes do is in test/lab.
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { hash } from '../../src/metadata/names.ts'
import { clusterEnv } from '../../src/redis-sentinel/cluster-env.ts'
import { redisConf } from '../../src/redis-sentinel/redis-conf.ts'
import { sentinelConf } from '../../src/redis-sentinel/sentinel-conf.ts'
import { tlsCliFlags } from '../../src/redis/tls.ts'

const run = promisify(execFile)
const SCRIPTS = new URL('../../src/redis-sentinel/scripts/', import.meta.url).pathname
const LOCAL_SCRIPTS = new URL('../../src/redis/scripts/', import.meta.url).pathname
const SHELLS = { dash: ['dash'], busybox: ['busybox', 'sh'] }
const REDIS = ['fd00::10', 'fd00::11', 'fd00::12']
const SENTINELS = ['fd00::20', 'fd00::21', 'fd00::22']
const NOAUTH = 'NOAUTH Authentication required.\n\n'

// Its files: answers/HOST.COMMAND. It notes its command line and its password.
const REDIS_CLI = `#!/bin/sh
echo "$*" >>"$WORLD/asked"
echo "\${REDISCLI_AUTH-none}" >>"$WORLD/passwords"
host=$2
for word in "$@"; do case $word in INFO | PING | SENTINEL | CLIENT) break ;; esac; done
[ -e "$WORLD/answers/$host.$word" ] || { echo 'Could not connect' >&2; exit 1; }
[ ! -e "$WORLD/answers/$host.$word.error" ] || { cat "$WORLD/answers/$host.$word.error" >&2; exit 1; }
case $* in *'--user operator-'*) [ ! -e "$WORLD/answers/$host.$word.warning" ] || cat "$WORLD/answers/$host.$word.warning" >&2 ;; esac
cat "$WORLD/answers/$host.$word"
`
const REDIS_SERVER = `#!/bin/sh
{ echo "$*"; env; } >"$WORLD/started"
`

interface Options {
  readonly shell?: readonly string[]
  readonly ordinal?: number
  readonly password?: string
  readonly flags?: readonly string[]
  /** The names of the programs start with it. */
  readonly product?: 'redis' | 'valkey'
  /** By host and command. */
  readonly answers?: Readonly<Record<string, string>>
}

type World = ReturnType<typeof createWorld>

function createWorld (t: Test, { shell = SHELLS.dash, ordinal = 0, password, flags = [], product = 'redis', answers = {} }: Options) {
  const root = t.testdir({ answers: {}, bin: {}, config: {}, data: {} })
  const file = (...path: string[]) => join(root, ...path)
  for (const [name, text] of [[`${product}-cli`, REDIS_CLI], [`${product}-server`, REDIS_SERVER]] as const) {
    writeFileSync(file('bin', name), text)
    chmodSync(file('bin', name), 0o755)
  }
  for (const name of ['cluster', 'redis-start', 'redis-ready', 'redis-alive', 'redis-prestop', 'sentinel-start', 'sentinel-ready', 'sentinel-alive']) {
    symlinkSync(`${SCRIPTS}${name}.sh`, file('config', `${name}.sh`))
  }
  for (const name of ['local.sh', 'passwords.sh', 'users.sh', 'certificate.sh']) symlinkSync(`${LOCAL_SCRIPTS}${name}`, file('config', name))
  writeFileSync(file('config', 'redis.conf'), redisConf({ persistent: true, redisReplicas: 3, port: 6379 }))
  writeFileSync(file('config', 'sentinel.conf'), sentinelConf({ port: 26379 }))
  writeFileSync(file('config', 'cluster.env'), clusterEnv({
    masterName: 'mymaster',
    redisPort: 6379,
    sentinelPort: 26379,
    redisAddresses: REDIS,
    sentinelAddresses: SENTINELS,
    sentinelIds: SENTINELS.map((_, ordinal) => String(ordinal).repeat(40)),
    quorum: 2,
    downAfterMilliseconds: 5000,
    failoverTimeout: 10000,
    fenceMilliseconds: 3000,
    minReplicas: 1,
    handoverSeconds: 13,
    identity: 'c'.repeat(64),
    redisCliFlags: flags,
  }))
  if (shell === SHELLS.busybox) linkBusybox(file('bin'))
  const env = {
    PATH: shell === SHELLS.busybox ? file('bin') : `${file('bin')}:${process.env['PATH']}`,
    WORLD: root,
    CONFIG_DIR: file('config'),
    DATA_DIR: file('data'),
    AUTH_DIR: file('auth'),
    HOOK_LOG: file('hook-log'),
    POD_NAME: `lab-redis-${ordinal}`,
    // no patience: whoever starts at all starts in the first look
    BOOTSTRAP_WAIT: '0',
    RESUME_WAIT: '0',
  }
  const command = (script: string): [string, string[]] => [which(shell[0] ?? ''), [...shell.slice(1), file('config', script)]]
  const answer = (what: string, text: string) => { writeFileSync(file('answers', what), text) }
  function setPassword (text: string): void {
    mkdirSync(file('auth'), { recursive: true })
    writeFileSync(file('auth', 'password'), text)
  }
  for (const [what, text] of Object.entries(answers)) answer(what, text)
  if (password !== undefined) setPassword(password)

  return {
    file,
    answer,
    setPassword,
    read: (name: string) => readFile(file(name), 'utf8').catch(() => ''),
    mode: (name: string) => (statSync(file(name)).mode & 0o777).toString(8),
    /** To its end: the code and what it prints. */
    async play (script: string): Promise<{ code: number, output: string }> {
      return await run(...command(script), { env }).then(({ stdout }) => ({ code: 0, output: stdout.trim() }),
        ({ code, stdout }: { code: number, stdout: string }) => ({ code, output: stdout.trim() }))
    },
    /** Until it has started the server, or for a while after it first waits: what it logs. `meanwhile` begins then. */
    async start (script: string, meanwhile: () => void = () => {}): Promise<string> {
      const child = spawn(...command(script), { env, stdio: ['ignore', 'ignore', 'pipe'] })
      let log = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => { log += text })
      const end = setTimeout(() => child.kill('SIGTERM'), 20_000)
      child.stderr.once('data', meanwhile).once('data', () => { setTimeout(() => child.kill('SIGTERM'), 2000).unref() })
      await once(child, 'close')
      clearTimeout(end)
      return log
    },
  }
}

function which (program: string): string {
  return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim()
}

/** Alpine's environment: no tool but busybox's own. */
function linkBusybox (folder: string): void {
  const applets = execFileSync('busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n')
  const busybox = which('busybox')
  for (const applet of new Set([...applets, 'busybox'])) symlinkSync(busybox, join(folder, applet))
}

const replica = (master: string, more = '') => `# Replication\r\nrole:slave\r\nmaster_host:${master}\r\nmaster_link_status:up\r\n${more}# Keyspace\r\n`
const named = (address: string) => Object.fromEntries(SENTINELS.map((sentinel) => [`${sentinel}.SENTINEL`, `${address}\n6379\n`]))
const refused = (hosts: readonly string[], command: string) => Object.fromEntries(hosts.map((host) => [`${host}.${command}`, NOAUTH]))
const started = async (world: World) => await world.read('started') !== ''

/** What a server that has run leaves in its volume. */
function withData (world: World): void {
  mkdirSync(world.file('data', 'appendonlydir'))
  writeFileSync(world.file('data', 'appendonlydir', 'appendonly.aof.2.base.rdb'), 'REDIS')
}

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
const pods = {
  '127.0.0.1.INFO': master,
  'fd00::11.INFO': replica('fd00::10', 'slave_repl_offset:10\r\n'),
  'fd00::20.SENTINEL': 'ip\nfd00::10\nflags\nmaster\n',
}

t.test('a master that cannot be asked, or that has a replica which cannot be asked, is not handed over', async (t) => {
  const cases: [Readonly<Record<string, string>>, RegExp][] = [
    [{ ...pods, '127.0.0.1.INFO': NOAUTH }, /no handover: redis refuses the password/],
    [{ ...pods, 'fd00::12.INFO': NOAUTH }, /no handover: fd00::12 refuses the password/],
    [{ ...pods, '127.0.0.1.CLIENT': 'NOPERM this user has no permissions\n' }, /no handover: CLIENT PAUSE answers NOPERM/],
  ]
  for (const [answers, expected] of cases) {
    const world = createWorld(t, { password: 'x', answers })
    t.match(await world.play('redis-prestop.sh'), { code: 0 })
    t.match(await world.read('hook-log'), expected)
    t.notMatch(await world.read('asked'), 'FAILOVER')
  }
})
