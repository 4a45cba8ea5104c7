// The compiled probe as a process of its own, beside a lab.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lab } from './lab.ts'
import { until } from './questions.ts'

const PROBE_MAIN = new URL('../../dist/probe/main.js', import.meta.url).pathname
const PROBE_HOST = 250
const METRICS_PORT = 8080

/** The probe as it is deployed: compiled, with its environment and a kubeconfig, at an address of its own. */
export async function createProbe (lab: Lab, server: () => string, place: number) {
  const sandbox = await lab.network.sandbox(`${place}p`)
  const address = lab.network.address(PROBE_HOST - place)
  await sandbox.addAddress(address)
  const log = join(lab.root, 'probe.log')
  let child: ChildProcess | undefined

  async function start (): Promise<void> {
    const kubeconfig = join(lab.root, 'kubeconfig')
    await writeFile(kubeconfig, JSON.stringify({
      'current-context': 'lab',
      contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'lab', namespace: lab.identity.namespace } }],
      clusters: [{ name: 'lab', cluster: { server: server() } }],
      users: [{ name: 'lab', user: {} }],
    }))
    const output = await open(log, 'a')
    const [program = '', ...args] = [...sandbox.enter, process.execPath, PROBE_MAIN]
    const env = { PATH: process.env['PATH'], KUBECONFIG: kubeconfig, METRICS_PORT: String(METRICS_PORT), POD_NAME: 'probe-0', LOG_LEVEL: 'debug' }
    child = spawn(program, args, { env, stdio: ['ignore', output.fd, output.fd] })
    await once(child, 'spawn')
    await output.close()
  }

  async function kill (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }

  /** Waits until it has looked at its clusters so many times more. The first may have been under way, and have asked before. */
  async function looks (more: number): Promise<void> {
    const count = async () => {
      const text = await (await fetch(`http://${address}:${METRICS_PORT}/metrics`)).text()
      return Number(/^sentinel_probe_looks_total (\d+)$/m.exec(text)?.[1])
    }
    const before = await count()
    await until(`${more} looks of the probe`, async () => await count() >= before + more || undefined)
  }

  process.once('exit', () => { child?.kill('SIGKILL') })
  return { sandbox, address, start, kill, looks, log: () => readFile(log, 'utf8').catch(() => '') }
}
