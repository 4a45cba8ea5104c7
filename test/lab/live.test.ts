import t from 'tap'
import { labFor } from './lab.ts'
import { ask, REDIS_PORT } from './questions.ts'

t.setTimeout(600_000)

for (const shell of ['dash', 'busybox sh'] as const) {
  t.test(`directives that a running redis takes are applied by its readiness, once, and what it refuses stands in the log (${shell})`, async (t) => {
    const lab = await labFor(t, { shell })
    await lab.configure({ spec: { config: { maxmemory: '10mb' } } })
    await lab.startAll()
    await lab.healed()
    await lab.durable()
    const get = async (name: string) => (await ask(lab.redis[1] ?? '', REDIS_PORT, 'CONFIG', 'GET', name) as string[])[1]
    t.equal(await get('maxmemory'), String(10 * 2 ** 20), 'a start reads them')

    await lab.configure({ spec: { config: { maxmemory: '20mb', 'client-output-buffer-limit': 'replica 64mb 32mb 60', hz: 'often' } } })
    t.match(await lab.script('redis-ready.sh', 1), { code: 0 })
    t.equal(await get('maxmemory'), String(20 * 2 ** 20))
    t.match(await get('client-output-buffer-limit'), /slave 67108864 33554432 60/)
    t.match(await lab.log('redis', 1), /CONFIG SET hz: ERR/)

    await ask(lab.redis[1] ?? '', REDIS_PORT, 'CONFIG', 'SET', 'maxmemory', '30mb')
    t.match(await lab.script('redis-ready.sh', 1), { code: 0 })
    t.equal(await get('maxmemory'), String(30 * 2 ** 20), 'what did not change since is left alone')
  })
}
