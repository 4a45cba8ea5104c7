// Fault 45: a redis of somebody else follows the master, as in a migration, and the sentinels prefer it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { info, REDIS_PORT, sentinelMaster } from '../questions.ts'
import type { Fault, Run } from './run.ts'

const HOST = 99
const KILLED_MS = 350
const FORGOTTEN_SECONDS = 180

/** A plain redis-server with the settings of its maker, but for the priority, in a network namespace of its own. */
async function start ({ lab, master }: Run) {
  const sandbox = await lab.network.sandbox('x')
  const address = lab.network.address(HOST)
  await sandbox.addAddress(address)
  const dir = join(lab.root, 'stranger')
  await mkdir(dir)
  const options = {
    port: REDIS_PORT, bind: address, 'protected-mode': 'no', dir, save: '', 'replica-priority': 1, replicaof: `${lab.redis[master()]} ${REDIS_PORT}`,
  }
  const settings = Object.entries(options).flatMap(([name, value]) => [`--${name}`, ...String(value).split(' ')])
  const [program = '', ...args] = [...sandbox.enter, 'redis-server', ...settings]
  const child = spawn(program, args, { stdio: 'ignore' })
  process.once('exit', () => { child.kill('SIGKILL') })
  await once(child, 'spawn')
  return {
    address,
    end: async () => {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}

async function stranger (run: Run): Promise<void> {
  const { lab, plane, master, time, writes, check, figure } = run
  const former = master()
  const { address, end } = await start(run)
  try {
    await time('the stranger is linked', async () => (await info(address))['master_link_status'] === 'up')
    await time('the sentinels know it', async () => (await sentinelMaster(lab.sentinels[0] ?? ''))['num-slaves'] === '3')
    await writes(500)
    await plane.crash('redis', former, { afterMs: 1500 })
    await writes()
    const { role } = await info(address)
    check(`the stranger is ${role}`, role === 'slave')
    check('the former master is master', !(await lab.masters()).includes(former))
    figure('write gap', run.gap(), KILLED_MS)
    check('the stranger was promoted', !(await plane.logs()).includes(`switch-master mymaster ${lab.redis[former]} ${REDIS_PORT} ${address} `))
  } finally {
    await end()
  }
  figure('forgotten', await time('the sentinels have forgotten it', async () => await lab.healed(1).then(() => true, () => false), FORGOTTEN_SECONDS))
}

export const strangerFault: Fault = { number: 45, name: 'a replica of somebody else, preferred by the sentinels, and the master dies', inject: stranger }
