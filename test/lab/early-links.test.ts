import { readFile } from 'node:fs/promises'
import t from 'tap'
import { labFor } from './lab.ts'
import { ask, REDIS_PORT, sleep, until } from './questions.ts'

t.setTimeout(600_000)

/** Share of a core that a process takes, over half a second. */
async function load (pid: number | undefined): Promise<number> {
  const ticks = async () => {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ')
    return Number(fields[13]) + Number(fields[14])
  }
  const before = await ticks()
  await sleep(500)
  return (await ticks() - before) / 50
}

t.test('a sentinel whose connection was rejected while the pod had no endpoint is freed of it by the pod itself', async (t) => {
  const lab = await labFor(t)
  await lab.startAll()
  await lab.healed()
  const [sentinel, address] = [lab.pod('sentinel', 0), lab.redis[1] ?? '']
  const linked = async () => String(await ask(address, REDIS_PORT, 'CLIENT', 'LIST')).split('\n')
    .filter((line) => / name=sentinel-/.test(line) && [sentinel.ip(), sentinel.address()].some((from) => line.includes(` addr=${from}:`)))
  for (let attempt = 1; ; attempt += 1) {
    await sentinel.sandbox.rejectTo(address)
    await ask(address, REDIS_PORT, 'CLIENT', 'KILL', 'TYPE', 'normal')
    await ask(address, REDIS_PORT, 'CLIENT', 'KILL', 'TYPE', 'pubsub')
    await sleep(1500)
    await sentinel.sandbox.restore()
    await until('the sentinel is connected', async () => (await linked()).length > 0 || undefined)
    const taken = await load(sentinel.pid())
    t.comment(`attempt ${attempt}: it takes ${taken} of a core`)
    if (taken > 0.5) break
    if (attempt === 5) {
      t.pass('this kernel keeps no error')
      return
    }
  }
  await until('the redis has been there for long enough', async () => {
    await lab.script('redis-ready.sh', 1)
    return await load(sentinel.pid()) < 0.3 || undefined
  })
  const ids = (await linked()).map((line) => /^id=(\d+)/.exec(line)?.[1])
  await lab.script('redis-ready.sh', 1)
  t.strictSame((await linked()).map((line) => /^id=(\d+)/.exec(line)?.[1]), ids, 'once')
  await lab.healed()
})
