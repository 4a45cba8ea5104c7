/** The webhook as a process. */
import { createServer } from 'node:net'
import t from 'tap'
import { run } from './run.ts'

async function freePort (): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

t.test('the webhook\'s process answers on both ports and ends in good order', async (t) => {
  const [port, metricsPort] = [await freePort(), await freePort()]
  const child = run('src/operator/main.ts', [], { env: { PORT: String(port), METRICS_PORT: String(metricsPort) } })
  t.teardown(() => child.kill('SIGKILL'))
  await new Promise((resolve) => child.stdout?.on('data', (chunk) => { if (String(chunk).includes('webhook listens')) resolve(undefined) }))
  t.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200)
  t.match(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(), 'redis_operator_hook_requests_total')
  child.kill('SIGTERM')
  t.equal((await child).exitCode, 0)
})

t.test('a wrong environment ends the webhook\'s process with the variable\'s name', async (t) => {
  const { exitCode, stderr } = await run('src/operator/main.ts', [], { env: { PORT: '' } })
  t.equal(exitCode, 1)
  t.match(stderr, /invalid environment: [^]*PORT/)
})
