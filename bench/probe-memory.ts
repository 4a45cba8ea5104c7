/**
 * RSS and CPU of the compiled probe with many clusters: `npm run build`, then
 * `unshare -n sh -c 'ip link set lo up; npx tsx bench/probe-memory.ts 100 dist/probe/main.js'`.
 * One stand-in for redis and sentinel answers on every loopback address, hence the network namespace of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFakeApiServer } from '../test/probe/fake-api-server.ts'
import { rssMiB } from '../test/probe/process.ts'

const clusters = Number(process.argv[2] ?? 100)
const main = process.argv[3] ?? 'dist/probe/main.js'
const address = (cluster: number, last: number) => `127.${1 + Math.floor(cluster / 200)}.${1 + (cluster % 200)}.${last}`
const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`
const array = (...parts: string[]) => `*${parts.length}\r\n${parts.join('')}`

const subscribed = (pattern: string, at: number) => `>3\r\n${bulk('psubscribe')}${bulk(pattern)}:${at + 1}\r\n`

function reply (line: string, socket: Socket): string {
  const here = socket.localAddress ?? ''
  const master = here.replace(/\.\d+$/, '.10')
  if (/psubscribe/i.test(line)) return line.split('\r\n').slice(4).filter((word) => /^[+-]/.test(word)).map(subscribed).join('')
  if (/role/i.test(line)) {
    return here === master ? array(bulk('master'), ':1\r\n', '*0\r\n') : array(bulk('slave'), bulk(master), ':6379\r\n', bulk('connected'), ':1\r\n')
  }
  if (/get-master-addr/i.test(line)) return array(bulk(master), bulk('6379'))
  if (/sentinel/i.test(line)) return array(bulk('ip'), bulk(master), bulk('flags'), bulk('master'), bulk('config-epoch'), bulk('1'))
  if (/hello/i.test(line)) return '%1\r\n' + bulk('proto') + ':3\r\n'
  return '+OK\r\n'
}

for (const port of [6379, 26379]) {
  createServer((socket) => {
    socket.on('error', () => {}).setEncoding('utf8')
    socket.on('data', (chunk) => {
      for (const request of String(chunk).split(/(?=\*\d+\r\n\$)/)) socket.write(reply(request, socket))
    })
  }).listen(port, '0.0.0.0', 4096)
}

const api = createFakeApiServer()
await api.start()
for (let n = 0; n < clusters; n += 1) {
  const name = `cluster-${n}`
  api.put('/apis/cache.iguochan.io/v1/redissentinels', { metadata: { name, namespace: 'bench' }, spec: {} })
  for (const service of ['redis-master', 'redis']) {
    const labels = {
      app: 'redis-sentinel', component: 'redis', name, 'kubernetes.io/service-name': `${name}-${service}`, 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    }
    api.put('/apis/discovery.k8s.io/v1/endpointslices', { metadata: { name: `${name}-${service}-x`, namespace: 'bench', labels }, addressType: 'IPv4', ports: [{}], endpoints: [] })
  }
  for (const [component, first] of [['redis', 10], ['sentinel', 100]] as const) {
    for (let i = 0; i < 3; i += 1) {
      const ip = address(n, first + i)
      const metadata = { name: `${name}-${component}-${i}`, namespace: 'bench' }
      const labels = { app: 'redis-sentinel', component, name, padding: 'x'.repeat(2000) }
      api.put('/api/v1/services', { metadata: { ...metadata, labels: { 'cache.iguochan.io/pod': metadata.name } }, spec: { clusterIP: ip } })
      api.put('/api/v1/pods', { metadata: { ...metadata, labels }, status: { podIP: ip } })
    }
  }
}

const folder = mkdtempSync(join(tmpdir(), 'probe-memory-'))
const kubeconfig = join(folder, 'kubeconfig')
writeFileSync(kubeconfig, JSON.stringify({
  'current-context': 'x', contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }], clusters: [{ name: 'x', cluster: { server: api.url() } }],
}))
const child: ChildProcess = spawn(process.execPath, [...process.argv.slice(4), main], {
  env: { PATH: process.env['PATH'], KUBECONFIG: kubeconfig, METRICS_PORT: '9090', LOG_LEVEL: 'warn' }, stdio: 'inherit',
})
const rss = () => Math.round(rssMiB(child.pid))
const peak = () => Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024)
const cpuSeconds = () => readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ').slice(13, 15).reduce((sum, ticks) => sum + Number(ticks) / 100, 0)

const labelled = () => api.list('/api/v1/pods').filter(({ metadata }) => metadata.labels?.['redis-role']).length
const startedAt = performance.now()
while (labelled() < 3 * clusters && performance.now() - startedAt < 120_000) await sleep(50)
console.log(`clusters ${clusters}: ${labelled()} pods labelled after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
for (let n = 0; n < 3; n += 1) {
  const before = cpuSeconds()
  await sleep(10_000)
  console.log(`RSS ${rss()} MiB (peak ${peak()}), CPU ${((cpuSeconds() - before) * 10).toFixed(1)} %`)
}
child.kill('SIGTERM')
rmSync(folder, { recursive: true })
process.exit(0)
