// redis-fence.sh against canned answers. What it does to a real master is in test/lab/fence.test.ts.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { symlinkSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { SHELLS, SENTINELS, refused, createWorld, SCRIPTS } from './world.ts'

const NOW = Math.floor(Date.now() / 1000)

// the fence
const alive = (role: string, more = '') => `${NOW}\n0\nmin-replicas-to-write\n1\n# Replication\r\nrole:${role}\r\n${more}`

interface Fenced {
  readonly asked: string
  readonly log: string
  readonly fenced: string
  readonly inStream: string
}

/** The fence of a redis that is there, for a while. */
async function fence (t: Test, answers: Readonly<Record<string, string>>, shell = SHELLS.dash, openSeconds = 0): Promise<Fenced> {
  const world = createWorld(t, {
    shell, fenceMilliseconds: 300, answers: { '127.0.0.1.6379': alive('master'), '127.0.0.1.2147483647': 'OK\n', '127.0.0.1.1': 'OK\n', ...answers },
  })
  symlinkSync(`${SCRIPTS}redis-fence.sh`, world.file('config', 'redis-fence.sh'))
  writeFileSync(world.file('data', '.announced'), 'fd00::10\n')
  const [program, args] = world.command('redis-fence.sh')
  const child = spawn(program, [...args, String(process.pid)], { env: { ...world.env, OPEN_SECONDS: String(openSeconds) }, stdio: 'ignore' })
  const asked = async () => (await world.read('asked')).split('\n').filter((line) => line === '-h 127.0.0.1 -p 6379').length
  while (await asked() < 12) await new Promise((resolve) => { setTimeout(resolve, 50) })
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
  return {
    asked: await world.read('asked'),
    log: await world.read('hook-log'),
    fenced: (await world.read('memory/.fenced')).trim(),
    inStream: (await world.read('data/.in-stream')).trim(),
  }
}

const hangs = (...hosts: string[]) => Object.fromEntries(hosts.map((host) => [`${host}.hangs`, '']))
const down = (host: string) => ({ [`${host}.26379`]: '', [`${host}.26379.error`]: `Could not connect to Redis at ${host}:26379: Connection refused\n` })
/** What a sentinel answers that names the address, and last waited so long for an answer to its PING. */
const says = (address: string, waits = 0, quiet = 100, flags = 'master') =>
  `${address}\n6379\nname\nflags\nip\n${address}\nrunid\n\nflags\n${flags}\nlast-ping-sent\n${waits}\nlast-ok-ping-reply\n${quiet}\n`
const first = (host: string, address: string) => ({ [`${host}.26379`]: says(address) })
const named = (address: string) => all(says(address))
const all = (answer: string) => Object.fromEntries(SENTINELS.map((host) => [`${host}.26379`, answer]))

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
      ['all want another password', refused(SENTINELS, '26379'), false],
      ['all name it, and wait for it', all(says('fd00::10', 1501)), true],
      ['for a moment', all(says('fd00::10', 1500)), false],
      ['one waits', { ...named('fd00::10'), 'fd00::20.26379': says('fd00::10', 4000) }, false],
      ['all have no connection to it', all(says('fd00::10', 0, 1501, 'master,disconnected')), true],
      ['all have one, and have had their answer', all(says('fd00::10', 0, 9000)), false],
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
  const early = await fence(t, { ...closed('master'), ...named('fd00::10') }, SHELLS.dash, 60)
  t.notMatch(early.asked, 'CONFIG SET', 'they may name it although another one is being promoted: it waits')
  t.notOk(await opens({ ...closed('master'), ...first('fd00::20', 'fd00::10'), ...first('fd00::21', 'fd00::11') }))
  t.notOk(await opens({ ...closed('master'), ...down('fd00::20'), ...down('fd00::21'), ...down('fd00::22') }))
})

t.test('it notes how new the data is: now of a master, and of a replica when it last heard its master', async (t) => {
  const noted = async (role: string, more = '') => (await fence(t, { ...named('fd00::10'), '127.0.0.1.6379': alive(role, more) })).inStream
  t.equal(await noted('master'), String(NOW))
  t.equal(await noted('slave', 'master_link_status:up\r\nmaster_last_io_seconds_ago:0\r\n'), String(NOW))
  t.equal(await noted('slave', 'master_link_status:up\r\nmaster_last_io_seconds_ago:12\r\n'), String(NOW - 12), 'packets are dropped')
  t.equal(await noted('slave', 'master_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\n'), '')
})
