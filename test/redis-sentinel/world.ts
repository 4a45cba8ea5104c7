// A world for the tests of the pods' scripts: a redis-cli that gives canned answers and a server that only shows how it was started.
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { clusterEnv } from '../../src/redis-sentinel/cluster-env.ts'
import { redisConf } from '../../src/redis-sentinel/redis-conf.ts'
import { sentinelConf } from '../../src/redis-sentinel/sentinel-conf.ts'

const run = promisify(execFile)
export const SCRIPTS = new URL('../../src/redis-sentinel/scripts/', import.meta.url).pathname
const LOCAL_SCRIPTS = new URL('../../src/redis/scripts/', import.meta.url).pathname
export const SHELLS = { dash: ['dash'], busybox: ['busybox', 'sh'] }
export const REDIS = ['fd00::10', 'fd00::11', 'fd00::12']
export const SENTINELS = ['fd00::20', 'fd00::21', 'fd00::22']
export const NOAUTH = 'NOAUTH Authentication required.\n\n'

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

export type World = ReturnType<typeof createWorld>

export function createWorld (t: Test, { shell = SHELLS.dash, ordinal = 0, password, flags = [], product = 'redis', fenceMilliseconds = 3000, answers = {} }: Options) {
  const root = t.testdir({ answers: {}, bin: {}, config: {}, data: {}, memory: {} })
  const file = (...path: string[]) => join(root, ...path)
  for (const [name, text] of [[`${product}-cli`, REDIS_CLI], [`${product}-server`, REDIS_SERVER]] as const) {
    writeFileSync(file('bin', name), text)
    chmodSync(file('bin', name), 0o755)
  }
  for (const name of ['cluster', 'redis-start', 'redis-age', 'redis-ready', 'redis-alive', 'redis-prestop', 'sentinel-start', 'sentinel-ready', 'sentinel-alive', 'sentinel-members']) {
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
    MEMORY_DIR: file('memory'),
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

export const replica = (master: string, more = '') => `# Replication\r\nrole:slave\r\nmaster_host:${master}\r\nmaster_link_status:up\r\n${more}# Keyspace\r\n`
export const named = (address: string) => Object.fromEntries(SENTINELS.map((sentinel) => [`${sentinel}.SENTINEL`, `${address}\n6379\n`]))
export const refused = (hosts: readonly string[], command: string) => Object.fromEntries(hosts.map((host) => [`${host}.${command}`, NOAUTH]))
export const started = async (world: World) => await world.read('started') !== ''

/** What a server that has run leaves in its volume. */
export function withData (world: World): string {
  const file = world.file('data', 'appendonlydir', 'appendonly.aof.2.base.rdb')
  mkdirSync(world.file('data', 'appendonlydir'))
  writeFileSync(file, 'REDIS')
  return file
}
