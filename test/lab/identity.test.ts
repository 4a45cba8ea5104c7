// Two clusters without a password in one network: an address of one comes to lead to the other, as when a ClusterIP or the address of a
// pod is used again. No probe runs. Nothing of the other one is told, taken or wiped.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { createLab, type Lab, labFor } from './lab.ts'
import { ask, info, MASTER_NAME, REDIS_PORT, SENTINEL_PORT, sentinelMaster, until } from './questions.ts'
import type { Kind, Pod } from './pod.ts'

t.setTimeout(600_000)

const run = promisify(execFile)

interface Two { readonly a: Lab, readonly b: Lab, readonly masterOf: { readonly a: number, readonly b: number } }

async function twoFor (t: Test): Promise<Two> {
  const a = await labFor(t, { downAfterMilliseconds: 2000 })
  const b = await createLab({ downAfterMilliseconds: 2000, network: a.network, place: 1 })
  t.teardown(() => b.close())
  await a.startAll()
  await b.startAll()
  const masterOf = { a: await a.healed(), b: await b.healed() }
  for (const [lab, master, name] of [[a, masterOf.a, 'a'], [b, masterOf.b, 'b']] as const) {
    await until('a write', async () => await ask(lab.redis[master] ?? '', REDIS_PORT, 'SET', 'whose', name) === 'OK' || undefined)
    await until('it is everywhere', async () => {
      const values = await Promise.all(lab.redis.map((address) => ask(address, REDIS_PORT, 'GET', 'whose')))
      return values.every((value) => value === name) || undefined
    })
  }
  return { a, b, masterOf }
}

/** The address of a pod of A, which is gone, leads to one of B from now on. */
async function lead ({ a }: Two, [kind, ordinal]: [Kind, number], to: Pod): Promise<void> {
  const from = a.pod(kind, ordinal)
  await from.kill()
  await from.sandbox.removeAddress(from.address(), 'service')
  await to.sandbox.addAddress(from.address(), 'service')
  for (const { sandbox: { enter: [program = '', ...args] } } of a.pods()) await run(program, [...args, 'ip', 'neigh', 'flush', 'all'])
  await run('ip', ['neigh', 'flush', 'all'])
}

/** What this process has refused: by command, or AUTH of a user that it does not have. */
async function refusals (address: string, port: number): Promise<string[]> {
  const log = await ask(address, port, 'ACL', 'LOG') as string[][]
  return log.map((entry) => `${entry[entry.indexOf('object') + 1]} of ${entry[entry.indexOf('username') + 1]}`)
}

const refuses = (address: string, port: number, what: string) => until(`${address} refuses ${what}`,
  async () => (await refusals(address, port)).includes(what) || undefined, 30)

/** It is as it was: one master, all others linked to it, their own data, and sentinels that know each other and nobody else. */
async function untouched (t: Test, { b, masterOf }: Two): Promise<void> {
  t.equal(await b.healed(10), masterOf.b)
  for (const address of b.redis) t.equal(await ask(address, REDIS_PORT, 'GET', 'whose'), 'b')
  t.equal(await b.epoch(), '0', 'no failover')
}

t.test('a redis address of A leads to the master of B: the sentinels of A cannot make it a replica or tell it about A', async (t) => {
  const two = await twoFor(t)
  const { a, b, masterOf } = two
  // so that what the sentinels of A say counts more than what those of B know
  await until('a failover of A', async () => await ask(a.sentinels[0] ?? '', SENTINEL_PORT, 'SENTINEL', 'FAILOVER', MASTER_NAME) === 'OK' || undefined)
  await until('another master', async () => await a.epoch() !== '0' || undefined)
  const master = await a.healed()
  const victim = [0, 1, 2].find((ordinal) => ordinal !== master) ?? 0
  const target = b.redis[masterOf.b] ?? ''
  await lead(two, ['redis', victim], b.pod('redis', masterOf.b))
  for (const what of ['AUTH of operator-sentinel', '__sentinel__:hello of default', 'slaveof of default']) {
    t.ok(await refuses(target, REDIS_PORT, what), what)
  }
  await untouched(t, two)
  for (const address of a.sentinels) t.match(await sentinelMaster(address), { ip: a.redis[master], 'num-other-sentinels': '2' }, 'nor has A heard of B')
  t.equal(await ask(a.redis[master] ?? '', REDIS_PORT, 'GET', 'whose'), 'a')
})

t.test('a sentinel address of A leads to a sentinel of B: it takes no hello, and gives no vote', async (t) => {
  const two = await twoFor(t)
  const { a, b } = two
  const target = b.sentinels[0] ?? ''
  await until('a failover of A', async () => await ask(a.sentinels[0] ?? '', SENTINEL_PORT, 'SENTINEL', 'FAILOVER', MASTER_NAME) === 'OK' || undefined)
  await until('another master', async () => await a.epoch() !== '0' || undefined)
  const master = await a.healed()
  await lead(two, ['sentinel', 2], b.pod('sentinel', 0))
  for (const what of ['AUTH of operator-sentinel', 'publish of default']) t.ok(await refuses(target, SENTINEL_PORT, what), what)
  await a.kill('redis', master)
  t.ok(await refuses(target, SENTINEL_PORT, 'sentinel|is-master-down-by-addr of default'), 'a question for its vote')
  await untouched(t, two)
})

t.test('the address of the master of A leads to the master of B: the replicas of A keep their data', async (t) => {
  const two = await twoFor(t)
  const { a, b, masterOf } = two
  for (const ordinal of [0, 1, 2]) await a.kill('sentinel', ordinal)
  const replicas = [0, 1, 2].filter((ordinal) => ordinal !== masterOf.a).map((ordinal) => a.redis[ordinal] ?? '')
  await lead(two, ['redis', masterOf.a], b.pod('redis', masterOf.b))
  t.ok(await refuses(b.redis[masterOf.b] ?? '', REDIS_PORT, 'AUTH of operator-replication'))
  for (const address of replicas) {
    t.match(await info(address), { role: 'slave', master_link_status: 'down' })
    t.equal(await ask(address, REDIS_PORT, 'GET', 'whose'), 'a')
  }
  await untouched(t, two)

  // as docs/authentication.md says for an emergency
  const replica = replicas[0] ?? ''
  const demand = () => ask(replica, REDIS_PORT, 'REPLICAOF', 'NO', 'ONE')
  await t.rejects(demand(), /NOPERM/)
  await ask(replica, REDIS_PORT, 'ACL', 'SETUSER', 'default', '+replicaof')
  t.equal(await demand(), 'OK')
  await ask(replica, REDIS_PORT, 'ACL', 'SETUSER', 'default', '-replicaof')
  await t.rejects(demand(), /NOPERM/)
})
