// A redis that follows the master and is no pod of the cluster, as in a migration (docs/volumes.md).
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { startControlPlane } from './control-plane.ts'
import { type Lab, labFor, systemPath } from './lab.ts'
import { ask, info, MASTER_NAME, REDIS_PORT, SENTINEL_PORT, sentinelMaster, sleep, until } from './questions.ts'

t.setTimeout(600_000)

const OUTSIDE = 99
/** Longer than a sentinel waits for one that does not answer. */
const WHILE_MS = 40_000

/** Outside of the cluster, with `replica-priority 0` before it follows. */
async function follow (t: Test, lab: Lab, master: string): Promise<{ address: string, end: () => Promise<void> }> {
  const sandbox = await lab.network.sandbox('x')
  const address = lab.network.address(OUTSIDE)
  await sandbox.addAddress(address)
  const [program = '', ...args] = [
    ...sandbox.enter, 'redis-server', '--port', String(REDIS_PORT), '--bind', '*', '--protected-mode', 'no', '--dir', t.testdir(), '--save', '',
    '--replica-priority', '0', '--replicaof', master, String(REDIS_PORT),
  ]
  const child: ChildProcess = spawn(program, args, { stdio: 'ignore', env: { PATH: systemPath() } })
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  t.teardown(end)
  await until('it is linked', async () => (await info(address))['master_link_status'] === 'up' || undefined)
  return { address, end }
}

async function counts (lab: Lab, field: string): Promise<string[]> {
  const views = await Promise.all(lab.sentinels.map(sentinelMaster))
  return views.map((view) => view[field] ?? '')
}

t.test('a stranger among the replicas is reported, causes no restart, is not promoted, and is forgotten when it has gone', async (t) => {
  const lab = await labFor(t)
  const plane = await startControlPlane(lab)
  t.teardown(plane.close)
  await plane.startAll()
  const master = await lab.healed()
  await lab.durable()
  const pids = () => [0, 1, 2].map((ordinal) => lab.pod('sentinel', ordinal).pid())
  const before = pids()
  const stranger = await follow(t, lab, lab.redis[master] ?? '')
  await until('all sentinels know it', async () => String(await counts(lab, 'num-slaves')) === '3,3,3' || undefined)
  for (const ordinal of [0, 1, 2]) {
    await until('the log says so', async () => (await lab.log('sentinel', ordinal)).includes(`who is not in cluster.env: replica ${stranger.address}. `) || undefined)
  }
  await sleep(WHILE_MS)
  t.strictSame(pids(), before, 'no sentinel has restarted')

  const [sentinel = ''] = lab.sentinels
  await until('a failover', async () => await ask(sentinel, SENTINEL_PORT, 'SENTINEL', 'FAILOVER', MASTER_NAME) === 'OK' || undefined)
  await until('another one is named', async () => (await counts(lab, 'ip')).every((ip) => ip !== lab.redis[master]) || undefined)
  t.notOk((await counts(lab, 'ip')).includes(stranger.address))
  await until('it follows the new master', async () => (await info(stranger.address))['master_link_status'] === 'up' || undefined)

  await stranger.end()
  const next = await lab.healed(150)
  t.not(next, master)
  for (const ordinal of [0, 1, 2]) t.match(await lab.log('sentinel', ordinal), `restarts without members that are none any more: replica ${stranger.address}; were this`)
  t.equal(await lab.epoch(), '1', 'there was no other failover')
})
