// The pods' scripts against a redis-cli that gives canned answers and a server that only shows how it was started. What real
// processes do is in test/lab.
import { execFile, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
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

// Its files: answers/HOST.COMMAND, where a command that it does not know is its last word. It notes its command line and its password.
const REDIS_CLI = `#!/bin/sh
echo "$*" >>"$WORLD/asked"
echo "\${REDISCLI_AUTH-none}" >>"$WORLD/passwords"
host=$2
for word in "$@"; do case $word in INFO | PING | SENTINEL | CLIENT) break ;; esac; done
[ ! -e "$WORLD/answers/$host.hangs" ] || exec sleep 60
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
  readonly fenceMilliseconds?: number
  /** By host and command. */
  readonly answers?: Readonly<Record<string, string>>
}

type World = ReturnType<typeof createWorld>

function createWorld (t: Test, { shell = SHELLS.dash, ordinal = 0, password, flags = [], product = 'redis', fenceMilliseconds = 3000, answers = {} }: Options) {
  const root = t.testdir({ answers: {}, bin: {}, config: {}, data: {} })
  const file = (...path: string[]) => join(root, ...path)
  for (const [name, text] of [[`${product}-cli`, REDIS_CLI], [`${product}-server`, REDIS_SERVER]] as const) {
    writeFileSync(file('bin', name), text)
    chmodSync(file('bin', name), 0o755)
  }
  for (const name of ['cluster', 'redis-start', 'redis-age', 'redis-ready', 'redis-alive', 'redis-prestop', 'sentinel-start', 'sentinel-ready', 'sentinel-alive', 'sentinel-members']) {
    symlinkSync(`${SCRIPTS}${name}.sh`, file('config', `${name}.sh`))
  }
  for (const name of ['local.sh', 'passwords.sh', 'certificate.sh']) symlinkSync(`${LOCAL_SCRIPTS}${name}`, file('config', name))
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
    fenceMilliseconds,
    minReplicas: 1,
    handoverSeconds: 1,
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
    BOOTSTRAP_LIMIT: '0',
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
    command,
    env,
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
      let end = setTimeout(() => child.kill('SIGTERM'), 20_000)
      child.stderr.once('data', () => {
        clearTimeout(end)
        end = setTimeout(() => child.kill('SIGTERM'), 2000)
        meanwhile()
      })
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
function withData (world: World): string {
  const file = world.file('data', 'appendonlydir', 'appendonly.aof.2.base.rdb')
  mkdirSync(world.file('data', 'appendonlydir'))
  writeFileSync(file, 'REDIS')
  return file
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
  const made = (user: string) => createHash('sha256').update(`${user}:${'c'.repeat(64)}:`).digest('hex')
  const world = createWorld(t, { ordinal: 1, answers: named('fd00::10') })
  await world.start('redis-start.sh')
  const conf = await world.read('data/redis.conf')
  t.match(conf, /\nuser default on ~\* &\* \+@all -replicaof -slaveof -failover .* nopass\n/)
  t.match(conf, `\nmasteruser operator-replication\nmasterauth "${made('operator-replication')}"\n`)
  t.match(await world.read('passwords'), new RegExp(`^(none\n)+(${made('operator-sentinel')}\n)+$`))
})

t.test('beside a pod without these users the default user keeps its rights for a while, and is what a replica links as', async (t) => {
  const world = createWorld(t, { ordinal: 1, answers: { ...named('fd00::10'), 'fd00::12.PING': 'PONG\n' } })
  writeFileSync(world.file('answers', 'fd00::12.PING.warning'), 'AUTH failed: WRONGPASS invalid username-password pair or user is disabled.\n')
  await world.start('redis-start.sh')
  const conf = await world.read('data/redis.conf')
  t.match(conf, /\nuser default on ~\* &\* \+@all nopass\nuser operator-replication /)
  t.match(conf, '\nmasteruser default\nmasterauth ""\n')
  t.equal(await world.read('data/.credentials'), `${'c'.repeat(64)} \n- \n`)
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

// ages of data
const NOW = Math.floor(Date.now() / 1000)
const YEAR_2040 = 2_208_988_800

interface Age {
  readonly written: number
  readonly inStream?: number | string | undefined
  readonly clock?: number
}

/** The replica-priority of a pod that starts as a replica. */
async function priority (t: Test, { written, inStream, clock = NOW }: Age, shell = SHELLS.dash): Promise<number> {
  const world = createWorld(t, { shell, ordinal: 1, answers: named('fd00::10') })
  // it may be a link to the machine's own busybox
  rmSync(world.file('bin', 'date'), { force: true })
  writeFileSync(world.file('bin', 'date'), `#!/bin/sh\necho ${clock}\n`, { mode: 0o755 })
  const data = withData(world)
  utimesSync(data, written, written)
  if (inStream !== undefined) writeFileSync(world.file('data', '.in-stream'), `${inStream}\n`)
  await world.start('redis-start.sh')
  const first = priorityIn(await world.read('data/redis.conf'))
  // redis has repaired the file
  utimesSync(data, clock, clock)
  await world.start('redis-start.sh')
  t.ok(priorityIn(await world.read('data/redis.conf')) >= first, 'the next start does not say newer')
  return first
}

/** The last one counts. */
const priorityIn = (conf: string) => Number(/^[^]*\nreplica-priority (\d+)\n/.exec(conf)?.[1] ?? Number.NaN)

t.test('of two pods with data the one that was in the stream last has the lower priority, whatever the time of its file', async (t) => {
  const fresh = await priority(t, { written: NOW - 500, inStream: NOW - 499 })
  t.ok(fresh < await priority(t, { written: NOW - 10, inStream: NOW - 1000 }), 'repaired at a start')
  t.ok(fresh < await priority(t, { written: NOW - 600, inStream: NOW - 499 }), 'nothing was written for a while')
  t.ok(fresh < await priority(t, { written: NOW }), 'nobody knows')
  t.ok(fresh < await priority(t, { written: YEAR_2040, inStream: YEAR_2040 }), 'its clock was wrong, or is')
  t.ok(await priority(t, { written: NOW - 5 }) < await priority(t, { written: NOW - 50 }), 'those that nobody knows, among themselves')
})

t.test('no clock makes a priority that is none', async (t) => {
  const times = [0, 1, 2 ** 31 - 1, 2 ** 31, YEAR_2040, 2 ** 32, 9_999_999_999]
  for (const written of times) {
    for (const inStream of [undefined, 0, 1, 1000, YEAR_2040, 9_999_999_999]) {
      const value = await priority(t, { written, inStream, clock: times[(times.indexOf(written) + 3) % times.length]! }, inStream === 1 ? SHELLS.busybox : SHELLS.dash)
      t.ok(value > 100 && value <= 2 ** 31 - 1, `${value}, file ${written}, in the stream ${inStream}`)
    }
  }
  const later = { clock: YEAR_2040 + 100 }
  t.ok(await priority(t, { ...later, written: YEAR_2040, inStream: YEAR_2040 }) < await priority(t, { ...later, written: YEAR_2040 - 1, inStream: YEAR_2040 }), 'in 2040 each second counts as well')
})

t.test('what is left of a note after the loss of power is no note, and its file tells the time', async (t) => {
  const noted = await priority(t, { written: NOW + 100, inStream: NOW })
  for (const text of ['', 'x', '-1', '9'.repeat(30)]) {
    const value = await priority(t, { written: NOW + 100, inStream: text })
    t.ok(value <= noted && value > noted - 60, text)
  }
})

// the fence
const alive = (role: string) => `${NOW}\n0\nmin-replicas-to-write\n1\n${role}\n0\n`

interface Fenced {
  readonly asked: string
  readonly log: string
  readonly fenced: string
}

/** The fence of a redis that is there, for a while. */
async function fence (t: Test, answers: Readonly<Record<string, string>>, shell = SHELLS.dash): Promise<Fenced> {
  const world = createWorld(t, {
    shell, fenceMilliseconds: 300, answers: { '127.0.0.1.6379': alive('master'), '127.0.0.1.2147483647': 'OK\n', '127.0.0.1.1': 'OK\n', ...answers },
  })
  symlinkSync(`${SCRIPTS}redis-fence.sh`, world.file('config', 'redis-fence.sh'))
  writeFileSync(world.file('data', '.announced'), 'fd00::10\n')
  const [program, args] = world.command('redis-fence.sh')
  const child = spawn(program, [...args, String(process.pid)], { env: world.env, stdio: 'ignore' })
  const asked = async () => (await world.read('asked')).split('\n').filter((line) => line === '-h 127.0.0.1 -p 6379').length
  while (await asked() < 12) await new Promise((resolve) => { setTimeout(resolve, 50) })
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
  return { asked: await world.read('asked'), log: await world.read('hook-log'), fenced: (await world.read('data/.fenced')).trim() }
}

const hangs = (...hosts: string[]) => Object.fromEntries(hosts.map((host) => [`${host}.hangs`, '']))
const down = (host: string) => ({ [`${host}.SENTINEL`]: '', [`${host}.SENTINEL.error`]: `Could not connect to Redis at ${host}:26379: Connection refused\n` })
const first = (host: string, address: string) => ({ [`${host}.SENTINEL`]: `${address}\n6379\n` })

for (const [name, shell] of Object.entries(SHELLS)) {
  t.test(`a master closes when no majority of the sentinels answers, and those that refuse or are down count as answers (${name})`, async (t) => {
    const cases: [string, Readonly<Record<string, string>>, boolean][] = [
      ['all name it', named('fd00::10'), false],
      ['one hangs', { ...named('fd00::10'), ...hangs('fd00::20') }, false],
      ['two hang', { ...named('fd00::10'), ...hangs('fd00::20', 'fd00::21') }, true],
      ['two are unreachable', first('fd00::20', 'fd00::10'), true],
      ['all are down', { ...down('fd00::20'), ...down('fd00::21'), ...down('fd00::22') }, false],
      ['one is down, one hangs', { ...down('fd00::20'), ...hangs('fd00::21'), ...first('fd00::22', 'fd00::10') }, false],
      ['one is down, two hang', { ...down('fd00::20'), ...hangs('fd00::21', 'fd00::22') }, true],
      ['all want another password', refused(SENTINELS, 'SENTINEL'), false],
      ['all hang, and redis as well', hangs(...SENTINELS, '127.0.0.1'), false],
      ['it is a replica, and all hang', { ...hangs(...SENTINELS), '127.0.0.1.6379': alive('slave') }, false],
    ]
    for (const [what, answers, closed] of cases) {
      const { asked, log, fenced } = await fence(t, answers, shell)
      t.equal(asked.includes('CONFIG SET min-replicas-to-write 2147483647'), closed, what)
      t.equal(/takes no writes: no majority of the sentinels is heard/.test(log), closed)
      t.match(fenced, closed ? /^\d+$/ : /^$/)
    }
  })
}

t.test('a master that the sentinels have named closes as soon as they name another one', async (t) => {
  const { log, fenced } = await fence(t, named('fd00::11'))
  t.match(log, /takes no writes: a majority of the sentinels names another one/)
  t.equal(fenced, 'unnamed')
  t.equal((await fence(t, named('fd00::99'))).log, '', 'an address that no pod has any more is nobody')
})

t.test('one that is closed opens only when a majority names it, or as a replica', async (t) => {
  const closed = (role: string) => ({ '127.0.0.1.6379': alive(role).replace('\n1\n', '\n2147483647\n') })
  const opens = async (answers: Readonly<Record<string, string>>) => (await fence(t, answers)).asked.includes('CONFIG SET min-replicas-to-write 1')
  t.ok(await opens({ ...closed('master'), ...named('fd00::10') }))
  t.ok(await opens(closed('slave')))
  t.notOk(await opens({ ...closed('master'), ...first('fd00::20', 'fd00::10'), ...first('fd00::21', 'fd00::11') }))
  t.notOk(await opens({ ...closed('master'), ...down('fd00::20'), ...down('fd00::21'), ...down('fd00::22') }))
})
