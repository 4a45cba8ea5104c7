// standalone.sh with a real redis-server; the scripts of a RedisSentinel are in test/lab.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { SCRIPTS } from '../../src/redis/scripts.ts'
import { until } from '../probe/lab.ts'

const run = promisify(execFile)
const FOLDER = new URL('../../src/redis/scripts/', import.meta.url).pathname
let ports = 21_000 + process.pid % 10_000

function createWorld (t: Test, shell: readonly string[], more: Record<string, string> = {}) {
  const root = t.testdir({ config: {}, data: {}, auth: {}, exporter: {} })
  const port = ports++
  cpSync(FOLDER, join(root, 'config'), { recursive: true })
  writeFileSync(join(root, 'config', 'redis.conf'), `port ${port}\ndir ${join(root, 'data')}\nsave ""\n`)
  const env = {
    PATH: process.env['PATH'],
    CONFIG_DIR: join(root, 'config'),
    DATA_DIR: join(root, 'data'),
    AUTH_DIR: join(root, 'auth'),
    EXPORTER: join(root, 'exporter', 'password.json'),
    HOOK_LOG: join(root, 'hook-log'),
    POD_NAME: 'one-redis-0',
    REDIS_PORT: String(port),
    ...more,
  }
  const command = (what: string): [string, string[]] => [shell[0] as string, [...shell.slice(1), join(root, 'config', 'standalone.sh'), what]]
  let child: ChildProcess | undefined
  let log = ''
  const stop = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  t.teardown(stop)
  return {
    root,
    stop,
    log: () => log,
    setSecret: (files: Record<string, string>) => {
      rmSync(join(root, 'auth'), { recursive: true })
      mkdirSync(join(root, 'auth'))
      for (const [name, text] of Object.entries(files)) writeFileSync(join(root, 'auth', name), text)
    },
    start: () => {
      child = spawn(...command('start'), { env, stdio: ['ignore', 'pipe', 'pipe'] })
      for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { log += text })
    },
    play: (what: string) => run(...command(what), { env }).then(({ stdout }) => ({ code: 0, output: stdout.trim() }),
      ({ code, stdout }: { code: number, stdout: string }) => ({ code, output: stdout.trim() })),
    cli: async (user: string, password: string | undefined, ...words: string[]) => {
      const { stdout } = await run('redis-cli', ['-p', String(port), '--user', user, ...words], { env: { PATH: process.env['PATH'], ...(password !== undefined && { REDISCLI_AUTH: password }) } })
      return stdout.trim()
    },
  }
}

for (const [name, shell] of Object.entries({ dash: ['dash'], busybox: ['busybox', 'sh'] })) {
  t.test(`a Redis waits for its password, wants it, and takes a new one while it runs (${name})`, async (t) => {
    const world = createWorld(t, shell, { FORMER_SECONDS: '0' })
    world.start()
    await until('it waits', () => /waiting: .*password is not one line/.test(world.log()))
    t.match(await world.play('alive'), { code: 0 })
    t.match(await world.play('ready'), { code: 1, output: /^waiting: .*is not one line with a password/ })
    world.setSecret({ password: 'öld "x"\n' })
    await until('it is ready', async () => (await world.play('ready')).code === 0)
    t.match(await world.cli('default', undefined, 'PING'), /NOAUTH/)
    t.equal(await world.cli('default', 'öld "x"', 'PING'), 'PONG')
    t.equal(statSync(join(world.root, 'data', 'redis.conf')).mode & 0o777, 0o600)

    world.setSecret({ password: 'new', 'previous-password': 'öld "x"' })
    t.match(await world.play('ready'), { code: 0 })
    t.equal(await world.cli('default', 'new', 'PING'), 'PONG')
    t.equal(await world.cli('default', 'öld "x"', 'PING'), 'PONG')
    await world.stop()
    world.start()
    await until('it is ready after a restart', async () => (await world.play('ready')).code === 0)
    t.equal(await world.cli('default', 'öld "x"', 'PING'), 'PONG', 'with both')
    world.setSecret({ password: 'new' })
    await until('the former one ends', async () => { await world.play('ready'); return (await world.cli('default', 'öld "x"', 'PING')).startsWith('NOAUTH') })
    world.setSecret({})
    t.match(await world.play('ready'), { code: 0 })
    t.match(readFileSync(join(world.root, 'hook-log'), 'utf8'), /the last one stays in force/)
    t.notMatch(world.log() + readFileSync(join(world.root, 'hook-log'), 'utf8'), /öld|>new/)
  })
}

t.test('the exporter has a user of its own that sees figures and no data', async (t) => {
  const world = createWorld(t, ['dash'])
  world.setSecret({ password: 'p' })
  writeFileSync(join(world.root, 'exporter', 'password.json'), '{"redis://127.0.0.1:6379":"e1"}')
  world.start()
  await until('it is ready', async () => (await world.play('ready')).code === 0)
  t.match(await world.cli('operator-exporter', 'e1', 'INFO', 'server'), /redis_version/)
  for (const words of [['GET', 'a'], ['CONFIG', 'GET', '*'], ['ACL', 'LIST'], ['SHUTDOWN']]) t.match(await world.cli('operator-exporter', 'e1', ...words), /NOPERM/)
})

t.test('any answer is life, and an unknown word is an error', async (t) => {
  const world = createWorld(t, ['dash'])
  world.setSecret({ password: 'p' })
  t.not((await world.play('alive')).code, 0, 'nobody answers')
  world.start()
  await until('it lives', async () => (await world.play('alive')).code === 0)
  // a start that has only begun lives, too
  await until('the server answers', async () => (await world.play('ready')).code === 0)
  world.setSecret({ password: 'another' })
  t.match(await world.play('alive'), { code: 0 })
  t.match(await world.play('sing'), { code: 1, output: 'usage: standalone.sh start|alive|ready' })
})

t.test('what is embedded are the files', async (t) => {
  for (const [name, script] of Object.entries(SCRIPTS)) t.equal(script, readFileSync(join(FOLDER, name), 'utf8'))
})
