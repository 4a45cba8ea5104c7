/** The probe as a process of its own, as it runs in its pod: only env and a kubeconfig. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Lab } from './lab.ts'

export interface ProbeProcess {
  readonly pid: number
  readonly logs: Record<string, unknown>[]
  readonly isListening: () => boolean
  readonly get: (path: string) => Promise<{ status: number, text: string }>
  /** SIGTERM; resolves to the exit code. */
  readonly stop: () => Promise<number | null>
  readonly kill: (signal: NodeJS.Signals) => void
  readonly rssMiB: () => number
}

const MAIN = fileURLToPath(new URL('../../src/probe/main.ts', import.meta.url))

export function startProbeProcess (lab: Pick<Lab, 'api' | 'folder'>, name = 'probe-0', more: NodeJS.ProcessEnv = {}): ProbeProcess {
  const kubeconfig = join(lab.folder, 'kubeconfig')
  writeFileSync(kubeconfig, JSON.stringify({
    'current-context': 'fake',
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake', namespace: 'lab' } }],
    clusters: [{ name: 'fake', cluster: { server: lab.api.url() } }],
    users: [{ name: 'fake', user: { token: 'secret-token' } }],
  }))
  const env = { PATH: process.env['PATH'], KUBECONFIG: kubeconfig, METRICS_PORT: '0', POD_NAME: name, LOG_LEVEL: 'debug', ...more }
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const logs: Record<string, unknown>[] = []
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) logs.push(JSON.parse(line))
  })
  const port = () => logs.find(({ msg }) => msg === 'probe started')?.['port']
  return {
    pid: child.pid!,
    logs,
    isListening: () => port() !== undefined,
    get: async (path) => {
      const response = await fetch(`http://127.0.0.1:${String(port())}${path}`)
      return { status: response.status, text: await response.text() }
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      return (await exited)[0] as number | null
    },
    kill: (signal) => { child.kill(signal) },
    rssMiB: () => rssMiB(child.pid),
  }
}

export function rssMiB (pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}
