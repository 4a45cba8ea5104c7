import t from 'tap'
import { labFor } from './lab.ts'
import { addressesOf } from './pod.ts'
import { ask, MASTER_NAME, REDIS_PORT, SENTINEL_PORT, until } from './questions.ts'

t.setTimeout(600_000)

t.test('a sentinel that was cut off with the former master does not make the new one its replica when it is back', async (t) => {
  const lab = await labFor(t, { downAfterMilliseconds: 1000 })
  await lab.startAll()
  const former = await lab.healed()
  const [next, third] = [(former + 1) % 3, (former + 2) % 3]
  const heir = lab.redis[next] ?? ''
  for (const ordinal of [0, 1, 2]) t.match(await lab.script('sentinel-ready.sh', ordinal, 'sentinel'), { code: 0 })
  await ask(heir, REDIS_PORT, 'CONFIG', 'SET', 'replica-priority', '1')

  const heard = async (field: string, value: string) => {
    const answers = await Promise.all(lab.sentinels.map((sentinel) => ask(sentinel, SENTINEL_PORT, 'SENTINEL', 'REPLICAS', MASTER_NAME)))
    return (answers as string[][][]).every((replicas) => {
      const flat = replicas.find((fields) => fields.includes(heir)) ?? []
      return flat[flat.indexOf(field) + 1] === value
    }) || undefined
  }
  await until('all sentinels prefer it', () => heard('slave-priority', '1'))
  await lab.command(heir, 'REPLICAOF', 'NO', 'ONE')
  await until('all sentinels have heard that it is a master', () => heard('role-reported', 'master'))
  await lab.command(heir, 'REPLICAOF', lab.redis[former] ?? '', String(REDIS_PORT))
  await until('and that it is none any more', () => heard('role-reported', 'slave'), 5)
  await lab.healed()

  const island = [lab.pod('redis', former), lab.pod('sentinel', 1)]
  const others = addressesOf(lab.pods().filter((pod) => !island.includes(pod)))
  for (const pod of island) await pod.sandbox.cutFrom(others)
  await until('it is promoted', async () => (await lab.masters()).includes(next) || undefined)
  await until('a write is accepted', async () => await ask(heir, REDIS_PORT, 'SET', 'key', 'new') === 'OK' || undefined)
  // for longer than a sentinel bears with two masters (four times its publish period)
  const promoted = performance.now()
  await until('ten seconds have passed', async () => performance.now() - promoted > 10_000 || undefined)
  for (const pod of island) await pod.sandbox.restore()
  await until('all sentinels name it', async () => {
    const names = await Promise.all(lab.sentinels.map((sentinel) => ask(sentinel, SENTINEL_PORT, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME)))
    return (names as string[][]).every(([name]) => name === heir) || undefined
  })
  t.equal(await ask(heir, REDIS_PORT, 'GET', 'key'), 'new')
  t.equal(await lab.healed(), next)
  t.equal(await ask(lab.redis[third] ?? '', REDIS_PORT, 'GET', 'key'), 'new')
})
