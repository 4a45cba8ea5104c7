import { readdir, readFile, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Lab, labFor, type LabOptions, type Shell } from './lab.ts'
import { addressesOf, type Pod } from './pod.ts'
import { ask, MASTER_NAME, REDIS_PORT, SENTINEL_PORT, until } from './questions.ts'
import { startWriter } from './writer.ts'

t.setTimeout(600_000)

const CLOSED = '2147483647'
const shells: readonly Shell[] = ['dash', 'busybox sh']

async function started (t: Test, options: LabOptions = {}): Promise<{ lab: Lab, master: number, pod: Pod }> {
  const lab = await labFor(t, options)
  await lab.startAll()
  const master = await lab.healed()
  await until('a write', () => write(lab, master))
  if (lab.spec().redisReplicas > 1) await lab.streaming()
  return { lab, master, pod: lab.pod('redis', master) }
}

const write = async (lab: Lab, ordinal: number) => ask(lab.redis[ordinal] ?? '', REDIS_PORT, 'SET', 'key', 'value')
const refusal = async (lab: Lab, ordinal: number) => write(lab, ordinal).then(() => '', ({ message }: Error) => message)
const minimum = async (lab: Lab, ordinal: number) => (await ask(lab.redis[ordinal] ?? '', REDIS_PORT, 'CONFIG', 'GET', 'min-replicas-to-write') as string[])[1]
const takesNoWrites = (lab: Lab, ordinal: number) => until(`redis ${ordinal} takes no writes`, async () => /^NOREPLICAS/.test(await refusal(lab, ordinal)) || undefined)
const takesWrites = (lab: Lab, ordinal: number) => until(`redis ${ordinal} takes writes`, async () => await refusal(lab, ordinal) === '' || undefined)

/** Process ids of the fence and its redis, and when it last began a round, in hundredths of a second. */
async function fenceOf (pod: Pod): Promise<[number, number, number]> {
  const [own = 0, server = 0, beat = 0] = (await readFile(join(pod.memory, '.fence'), 'utf8')).trim().split(' ').map(Number)
  return [own, server, beat]
}

/** For longer than a master that hears nobody stays open. */
async function rounds (pod: Pod, seconds = 3): Promise<void> {
  const [,, from] = await fenceOf(pod)
  await until(`the fence has looked for ${seconds} seconds`, async () => (await fenceOf(pod))[2] - from > 100 * seconds || undefined)
}

/** Process ids, parents and states, of all processes. */
async function processes (): Promise<{ pid: number, parent: number, state: string }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')))
  return stats.filter(Boolean).map((stat) => {
    const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { pid: Number.parseInt(stat), parent: Number(parent), state }
  })
}

/** Clients of an application that come again whenever they are refused. */
function crowdAt (address: string, count: number): { leave: () => void } {
  const sockets = new Set<Socket>()
  let isThere = true
  const open = (): void => {
    if (!isThere) return
    const socket = connect(REDIS_PORT, address)
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => { sockets.delete(socket); setTimeout(open, 10) })
    socket.resume()
  }
  for (let i = 0; i < count; i += 1) open()
  return { leave: () => { isThere = false; for (const socket of sockets) socket.destroy() } }
}

for (const shell of shells) {
  t.test(`a master that is cut off from a majority of the sentinels closes before they elect another one, and is open when it is promoted again (${shell})`, async (t) => {
    const { lab, master, pod } = await started(t, { shell })
    const inside = startWriter([pod.address()], { name: 'inside' })
    t.teardown(inside.stop)
    await until('some writes', async () => inside.acknowledged() > 100 || undefined)
    const majority = addressesOf([lab.pod('sentinel', 1), lab.pod('sentinel', 2)])
    const from = performance.now()
    await pod.sandbox.cutFrom(majority)
    await takesNoWrites(lab, master)
    t.comment(`closed after ${Math.round(performance.now() - from)} ms`)
    t.same(await lab.masters(), [master], 'nobody else is promoted yet')
    t.match(await pod.log(), /redis-fence.sh lab-redis-\d: takes no writes: no majority of the sentinels is heard for \d s/)
    t.match(await pod.script('redis-ready.sh'), { code: 1, output: /^takes no writes: it has heard no majority of the sentinels for \d+ s$/ })
    const acknowledged = inside.acknowledged()
    const next = await until('another master', async () => (await lab.masters()).find((ordinal) => ordinal !== master))
    t.equal(inside.acknowledged(), acknowledged, 'nothing is acknowledged any more')
    await inside.stop()
    await pod.sandbox.restore()
    t.equal(await lab.healed(), next)
    await until('it is open as a replica', async () => await minimum(lab, master) === '1' || undefined)
    await lab.level()
    // it was linked to the others all the time
    t.equal(await inside.lost(lab.redis[next] ?? ''), 0)

    const third = 3 - master - next
    await lab.kill('redis', third)
    await until('it is promoted again', async () => {
      if ((await lab.masters()).includes(master)) return true
      await ask(lab.sentinels[0] ?? '', SENTINEL_PORT, 'SENTINEL', 'FAILOVER', MASTER_NAME)
      return undefined
    })
    t.equal(await minimum(lab, master), '1')
    await lab.start('redis', third)
    t.equal(await lab.healed(), master)
    await takesWrites(lab, master)
  })

  t.test(`the one pod of a cluster closes while a majority of the sentinels hangs, and opens when they name it (${shell})`, async (t) => {
    const { lab, pod } = await started(t, { shell, redisReplicas: 1 })
    for (const ordinal of [1, 2]) lab.pod('sentinel', ordinal).signal('SIGSTOP')
    await takesNoWrites(lab, 0)
    t.equal(await minimum(lab, 0), CLOSED)
    await lab.kill('sentinel', 1)
    await rounds(pod)
    await takesNoWrites(lab, 0)
    t.match(await pod.script('redis-ready.sh'), { code: 1, output: /^takes no writes/ }, 'one that is down now is no reason to open')
    lab.pod('sentinel', 2).signal('SIGCONT')
    await takesWrites(lab, 0)
    t.equal(await minimum(lab, 0), '0')
    t.match(await pod.script('redis-ready.sh'), { code: 0 })
    t.match(await pod.log(), /takes writes: a majority of the sentinels names it/)
  })
}

t.test('a master whose volume is full closes all the same, though it writes no file', async (t) => {
  const lab = await labFor(t, { persistent: false })
  await Promise.all(lab.pods().map((pod) => pod.kind === 'redis' && pod.limitVolume(1)))
  await lab.startAll()
  const master = await lab.healed()
  const pod = lab.pod('redis', master)
  await takesWrites(lab, master)
  await pod.fillVolume()
  await takesWrites(lab, master)
  await pod.sandbox.cutFrom(addressesOf([lab.pod('sentinel', 1), lab.pod('sentinel', 2)]))
  await takesNoWrites(lab, master)
  t.match(await pod.script('redis-ready.sh'), { code: 1, output: /^takes no writes: it has heard no majority of the sentinels for \d+ s$/ })
})

t.test('a master that hears the sentinels, but that they do not hear, closes before they elect another one', async (t) => {
  const { lab, master, pod } = await started(t)
  const inside = startWriter([pod.address()], { name: 'inside' })
  t.teardown(inside.stop)
  await until('some writes', async () => inside.acknowledged() > 100 || undefined)
  // a network policy: what this pod asks them is answered
  await pod.sandbox.cutFrom(addressesOf([0, 1, 2].map((ordinal) => lab.pod('sentinel', ordinal))), 'to redis')
  await takesNoWrites(lab, master)
  t.same(await lab.masters(), [master], 'nobody else is promoted yet')
  t.match(await pod.log(), /takes no writes: no majority of the sentinels is heard for \d s/)
  await until('another master', async () => (await lab.masters()).find((ordinal) => ordinal !== master))
  await inside.stop()
  await pod.sandbox.restore()
  t.equal(await inside.lost(lab.redis[await lab.healed()] ?? ''), 0)
})

t.test('a master that has no connection left for the fence is ended when it is cut off', async (t) => {
  const { lab, pod } = await started(t, { redisReplicas: 2 })
  const inside = startWriter([pod.address()], { name: 'inside' })
  t.teardown(inside.stop)
  await until('some writes', async () => inside.acknowledged() > 100 || undefined)
  await ask(pod.address(), REDIS_PORT, 'CONFIG', 'SET', 'maxclients', '60')
  const crowd = crowdAt(pod.address(), 80)
  t.teardown(crowd.leave)
  await until('there is no room', async () => (await ask(pod.address(), REDIS_PORT, 'PING').catch(String)) !== 'PONG' || undefined)
  await rounds(pod)
  t.ok(pod.isRunning(), 'that alone is no reason')
  await pod.sandbox.cutFrom(addressesOf([lab.pod('sentinel', 1), lab.pod('sentinel', 2)]))
  await until('it has ended', async () => !pod.isRunning() || undefined)
  t.match(await pod.log(), /ends redis, which has no connection left to be told to take no writes: no majority of the sentinels is heard/)
  crowd.leave()
  await pod.sandbox.restore()
  await pod.start()
  const now = await lab.healed()
  await inside.stop()
  t.equal(await inside.lost(lab.redis[now] ?? ''), 0)
})

t.test('a replica that somebody makes a master takes no writes for long, since the sentinels name another one', async (t) => {
  const { lab, master, pod } = await started(t, { redisReplicas: 2 })
  const other = 1 - master
  await lab.command(lab.redis[other] ?? '', 'REPLICAOF', 'NO', 'ONE')
  await takesNoWrites(lab, other)
  t.match(await lab.script('redis-ready.sh', other), { code: 1, output: 'takes no writes: no majority of the sentinels names it' })
  t.equal(await refusal(lab, master), '')
  t.equal(await lab.healed(), master)
  await until('it is open as a replica', async () => await minimum(lab, other) === '0' || undefined)
  t.notMatch(await pod.log(), /takes no writes/)
})

t.test('sentinels that are down, or replaced one by one, close nobody', async (t) => {
  const { lab, master, pod } = await started(t)
  for (const ordinal of [0, 1, 2]) {
    await lab.kill('sentinel', ordinal)
    await lab.wipe('sentinel', ordinal)
    await lab.start('sentinel', ordinal)
    t.equal(await lab.healed(), master)
  }
  for (const ordinal of [0, 1, 2]) await lab.kill('sentinel', ordinal)
  await rounds(pod, 7)
  t.equal(await refusal(lab, master), '')
  t.notMatch(await pod.log(), /takes no writes/)
})

t.test('min-replicas-to-write follows the number of pods without a restart, and a number that a person has set stays', async (t) => {
  const { lab, master, pod } = await started(t, { redisReplicas: 5 })
  t.match(await readFile(join(pod.data, 'redis.conf'), 'utf8'), /\nmin-replicas-to-write 2\n/)
  await rounds(pod)
  t.equal(await minimum(lab, master), '2')
  await ask(lab.redis[master] ?? '', REDIS_PORT, 'CONFIG', 'SET', 'min-replicas-to-write', 1)
  await rounds(pod, 7)
  t.equal(await minimum(lab, master), '1')
  await lab.configure({ spec: { redisReplicas: 7 } })
  await until('all have the new one', async () => (await Promise.all([0, 1, 2, 3, 4].map((ordinal) => minimum(lab, ordinal)))).every((value) => value === '3') || undefined)
})

t.test('a pod without a fence gets one by its readiness, one alone, and no process is left that nobody waits for', async (t) => {
  const { lab, master, pod } = await started(t)
  const [first, server] = await fenceOf(pod)
  t.equal(server, pod.pid())
  t.ok((await processes()).some(({ pid, parent }) => pid === first && parent === server), 'it is a child of redis')
  process.kill(first, 'SIGTERM')
  await until('it has ended', async () => (await processes()).every(({ pid, state }) => pid !== first || state === 'Z') || undefined)
  t.strictSame((await readdir(pod.memory)).filter((name) => name.startsWith('.answers')), [], 'without a trace')
  // as in a pod of an operator that knew no fence
  await rm(join(pod.memory, '.fence'))
  t.match(await pod.script('redis-ready.sh'), { code: 0 })
  const second = await until('another one', async () => (await fenceOf(pod))[0])
  t.match(await pod.script('redis-ready.sh'), { code: 0 })
  t.equal((await fenceOf(pod))[0], second, 'one that runs is left alone')
  lab.pod('sentinel', 1).signal('SIGSTOP')
  lab.pod('sentinel', 2).signal('SIGSTOP')
  await takesNoWrites(lab, master)
  const zombies = (await processes()).filter(({ parent, state }) => parent === second && state === 'Z')
  t.ok(zombies.length <= 4, `${zombies.length} of a round`)
  await rm(join(pod.memory, '.fence'))
  await until('it ends when another one is to be there', async () => (await processes()).every(({ pid }) => pid !== second) || undefined)
})
