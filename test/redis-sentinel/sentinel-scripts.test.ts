// The sentinels' scripts against a redis-cli that gives canned answers: what is hard to bring about with real processes, which are in test/lab.
import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { clusterEnv } from '../../src/redis-sentinel/cluster-env.ts'
import { SCRIPTS } from '../../src/redis-sentinel/scripts.ts'
import { sentinelConf } from '../../src/redis-sentinel/sentinel-conf.ts'
import { SCRIPTS as LOCAL_SCRIPTS } from '../../src/redis/scripts.ts'

const run = promisify(execFile)
const SHELLS = { dash: ['dash'], busybox: ['busybox', 'sh'] }
const REDIS = ['fd00::10', 'fd00::11', 'fd00::12']
const SENTINELS = ['fd00::20', 'fd00::21', 'fd00::22']

// Its files: answers/HOST.COMMAND. It notes its command line.
const REDIS_CLI = `#!/bin/sh
echo "$*" >>"$WORLD/asked"
host=$2
for word in "$@"; do case $word in INFO | PING | SENTINEL) break ;; esac; done
cat "$WORLD/answers/$host.$word" 2>/dev/null
`

type World = ReturnType<typeof createWorld>

/** The pod of ordinal 0. */
function createWorld (t: Test, shell: readonly string[], answers: Readonly<Record<string, string>>) {
  const root = t.testdir({ answers, bin: {}, config: { ...LOCAL_SCRIPTS, ...SCRIPTS, 'sentinel.conf': sentinelConf({ port: 26379 }) }, data: {} })
  const file = (...path: string[]) => join(root, ...path)
  if (shell === SHELLS.busybox) linkBusybox(file('bin'))
  for (const [name, text] of [['redis-cli', REDIS_CLI], ['redis-server', '#!/bin/sh\n']] as const) {
    writeFileSync(file('bin', name), text)
    chmodSync(file('bin', name), 0o755)
  }
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
  }))
  const env = {
    PATH: shell === SHELLS.busybox ? file('bin') : `${file('bin')}:${process.env['PATH']}`,
    WORLD: root,
    CONFIG_DIR: file('config'),
    DATA_DIR: file('data'),
    AUTH_DIR: file('auth'),
    MEMORY_DIR: file('memory'),
    HOOK_LOG: file('hook-log'),
    POD_NAME: 'lab-sentinel-0',
  }
  return {
    file,
    read: (name: string) => readFile(file(name), 'utf8').catch(() => ''),
    /** To its end: the code and what it prints. */
    async play (script: string): Promise<{ code: number, output: string }> {
      const args = [...shell.slice(1), file('config', script)]
      return await run(which(shell[0] ?? ''), args, { env }).then(({ stdout, stderr }) => ({ code: 0, output: stdout.trim() + stderr }),
        ({ code, stdout }: { code: number, stdout: string }) => ({ code, output: stdout.trim() }))
    },
  }
}

function which (program: string): string {
  return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim()
}

/** Alpine's environment: no tool but busybox's own. */
function linkBusybox (folder: string): void {
  const busybox = which('busybox')
  const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n')
  mkdirSync(folder, { recursive: true })
  for (const applet of new Set([...applets, 'busybox'])) symlinkSync(busybox, join(folder, applet))
}

/** The sentinel of ordinal 0, whose master was at fd00::1a when it started and is at fd00::10 now. */
function movedMaster (t: Test, shell: readonly string[], { flags = 'master', others = ['fd00::21', 'fd00::22'], agoSeconds = 1000, restarts = 0, reason = 'moved', about = 'fd00::10' } = {}): World {
  const pings = Object.fromEntries(others.map((address) => [`${address}.PING`, 'PONG\n']))
  const world = createWorld(t, shell, { '127.0.0.1.SENTINEL': `ip\nfd00::1a\nflags\n${flags}\n`, ...pings })
  const [uptime = ''] = readFileSync('/proc/uptime', 'utf8').split(' ')
  writeFileSync(world.file('data', '.redis-addresses'), 'fd00::1a fd00::11 fd00::12\n')
  writeFileSync(world.file('data', '.since-moved'), `${Math.floor((Number(uptime) - agoSeconds) * 100)}\n`)
  if (restarts > 0) writeFileSync(world.file('data', `.restarts-${reason}`), `${restarts} ${about}\n`)
  return world
}

for (const [name, shell] of Object.entries(SHELLS)) {
  t.test(`a sentinel whose master has another address restarts, each time later, and not when it is needed (${name})`, async (t) => {
    const restarts = async (world: World) => {
      await world.play('sentinel-ready.sh')
      return /SHUTDOWN/.test(await world.read('asked'))
    }
    const world = movedMaster(t, shell)
    t.match(await world.play('sentinel-ready.sh'), { code: 1, output: 'restarts, for the master is at fd00::10 now, no longer at fd00::1a' })
    t.match(await world.read('asked'), ' SHUTDOWN\n')
    t.match(await world.read('hook-log'), /no longer at fd00::1a; were this to go on, the next restart would be 4 s later/)
    t.equal(await world.read('data/.restarts-moved'), '1 fd00::10\n')
    t.notOk(await restarts(movedMaster(t, shell, { agoSeconds: 60, restarts: 5 })), 'after five restarts a minute is too soon')
    t.ok(await restarts(movedMaster(t, shell, { agoSeconds: 70, restarts: 5 })))
    t.ok(await restarts(movedMaster(t, shell, { agoSeconds: 60, restarts: 5, reason: 'stale' })), 'those for another reason do not count')
    t.ok(await restarts(movedMaster(t, shell, { agoSeconds: 60, restarts: 5, about: 'fd00::1c' })), 'nor do those for another address')
    t.notOk(await restarts(movedMaster(t, shell, { flags: 'master,failover_in_progress' })), 'it is failing over')
    t.notOk(await restarts(movedMaster(t, shell, { others: [] })), 'the others are away')
    t.notOk(await restarts(movedMaster(t, shell, { others: ['fd00::21'], agoSeconds: 30 })), 'one is away, and may be back soon')
    t.ok(await restarts(movedMaster(t, shell, { others: ['fd00::21'] })), 'or never')
  })

  t.test(`the start keeps no stamp of an uptime, and translates the master in its epoch (${name})`, async (t) => {
    const world = movedMaster(t, shell)
    for (const stamp of ['certificate', 'stale', 'calm']) writeFileSync(world.file('data', `.since-${stamp}`), '99999999999\n')
    writeFileSync(world.file('data', 'sentinel.conf'), 'sentinel monitor mymaster fd00::1a 6379 2\nsentinel config-epoch mymaster 7\nsentinel current-epoch 9\n')
    t.match((await world.play('sentinel-start.sh')).output, 'monitors fd00::10: it was fd00::1a before its Service was made anew')
    const conf = await world.read('data/sentinel.conf')
    t.match(conf, '\nsentinel monitor mymaster fd00::10 6379 2\n')
    t.match(conf, '\nsentinel config-epoch mymaster 7\nsentinel current-epoch 9\n')
    t.strictSame(readdirSync(world.file('data')).filter((file) => /^\.since|new$/.test(file)), [])
    t.equal(await world.read('data/.redis-addresses'), `${REDIS.join(' ')}\n`)
  })

  t.test(`a master that is being scaled away is kept in its epoch when nobody knows better (${name})`, async (t) => {
    const world = createWorld(t, shell, { 'fd00::11.INFO': 'role:slave\r\nmaster_host:fd00::13\r\n' })
    writeFileSync(world.file('data', '.redis-addresses'), `${REDIS.join(' ')} fd00::13\n`)
    writeFileSync(world.file('data', 'sentinel.conf'), 'sentinel monitor mymaster fd00::13 6379 2\nsentinel config-epoch mymaster 7\n')
    t.match((await world.play('sentinel-start.sh')).output, 'monitors fd00::13: 1 redis pods name it')
    t.match(await world.read('data/sentinel.conf'), '\nsentinel config-epoch mymaster 7\n')
  })
}
