// Somebody deletes the Services of pods, and the hook makes them anew with other addresses: the pods heal by themselves.
import t, { type Test } from 'tap'
import { type ControlPlane, startControlPlane } from './control-plane.ts'
import { type Lab, labFor } from './lab.ts'
import type { Kind } from './pod.ts'
import { ask, info, MASTER_NAME, SENTINEL_PORT, sentinelMaster, sleep, until } from './questions.ts'

t.setTimeout(600_000)

/** Longer than down-after: a kubelet takes up to a minute to bring a ConfigMap. */
const KUBELET_MS = 8000

/** Members that are none any more are forgotten after half a minute, and ten seconds later by each next sentinel: that long no test waits. */
const SOON = { STALE_LIMIT: '5', TURN_SECONDS: '2' }

interface Case {
  readonly name: string
  readonly kinds: readonly Kind[]
  readonly probe: boolean
}

const cases: readonly Case[] = [
  { name: 'all six Services', kinds: ['redis', 'sentinel'], probe: true },
  { name: 'all six Services, without a probe', kinds: ['redis', 'sentinel'], probe: false },
  { name: 'the Services of the redis pods', kinds: ['redis'], probe: true },
  { name: 'the Services of the sentinels', kinds: ['sentinel'], probe: true },
  { name: 'the Services of the sentinels, without a probe', kinds: ['sentinel'], probe: false },
]

/** A cluster with all its pods ready. */
async function settledCluster (t: Test, probe: boolean): Promise<[Lab, ControlPlane, number]> {
  const lab = await labFor(t, { environment: SOON })
  const plane = await startControlPlane(lab)
  t.teardown(plane.close)
  if (probe) await plane.probe.start()
  await plane.startAll()
  const master = probe ? await plane.healed() : await lab.healed()
  await lab.durable()
  await Promise.all(lab.pods().map(({ kind, ordinal }) => plane.ready(kind, ordinal)))
  return [lab, plane, master]
}

async function renew (lab: Lab, plane: ControlPlane, kinds: readonly Kind[]): Promise<void> {
  plane.checkReadiness(false)
  for (const kind of kinds) {
    const addresses = kind === 'redis' ? lab.redis : lab.sentinels
    for (const ordinal of addresses.keys()) {
      const address = lab.network.address((kind === 'redis' ? 150 : 160) + ordinal)
      await plane.recreateService(kind, ordinal, address)
      addresses[ordinal] = address
    }
  }
  await lab.configure({ redis: [...lab.redis], sentinels: [...lab.sentinels] })
  await plane.sync()
  await sleep(KUBELET_MS)
  plane.checkReadiness(true)
}

/** All addresses that a sentinel knows, and its own. */
async function known (sentinel: string): Promise<string> {
  const { ip = '' } = await sentinelMaster(sentinel)
  const lists = await Promise.all(['REPLICAS', 'SENTINELS'].map((what) => ask(sentinel, SENTINEL_PORT, 'SENTINEL', what, MASTER_NAME) as Promise<string[][]>))
  return [sentinel, ip, ...lists.flat().map((fields) => fields[fields.indexOf('ip') + 1] ?? '')].toSorted().join(' ')
}

function allKnow (lab: Lab): Promise<true> {
  const wanted = [...lab.redis, ...lab.sentinels].toSorted().join(' ')
  return until('all sentinels know the members, and nobody else', async () => {
    const views = await Promise.all(lab.sentinels.map(known))
    return views.every((view) => view === wanted) || undefined
  }, 120)
}

/** What a sentinel's own count of the living says; throws what is not OK. */
const quorum = (sentinel: string) => ask(sentinel, SENTINEL_PORT, 'SENTINEL', 'CKQUORUM', MASTER_NAME)

for (const { name, kinds, probe } of cases) {
  t.test(`${name} are made anew: all know the new addresses, without a failover, and a lost master is replaced`, async (t) => {
    const [lab, plane, master] = await settledCluster(t, probe)
    const epoch = await lab.epoch()
    const from = performance.now()
    await renew(lab, plane, kinds)
    await allKnow(lab)
    t.equal(await lab.healed(120), master)
    t.comment(`healed ${Math.round((performance.now() - from - KUBELET_MS) / 100) / 10} s after the kubelet`)
    for (const ordinal of lab.redis.keys()) t.notMatch(await lab.log('redis', ordinal), /MASTER MODE enabled/, `redis ${ordinal} was not promoted`)
    for (const sentinel of lab.sentinels) t.match(await quorum(sentinel), /^OK 3 usable/)
    // the probe tells the sentinels where the master is, in an epoch of its own
    if (!probe || !kinds.includes('redis')) {
      t.equal(await lab.epoch(), epoch, 'there was no election')
      for (const ordinal of lab.sentinels.keys()) t.notMatch(await lab.log('sentinel', ordinal), /\+switch-master/, `sentinel ${ordinal} has changed no master`)
    }

    await lab.pod('redis', master).sandbox.cutOff()
    await until('another one is master', async () => {
      const others = lab.redis.filter((_, ordinal) => ordinal !== master)
      const roles = await Promise.all(others.map(async (address) => (await info(address))['role']))
      return roles.includes('master') || undefined
    })
    await lab.pod('redis', master).sandbox.restore()
    t.not(await lab.healed(60), master)
    for (const sentinel of lab.sentinels) t.match(await quorum(sentinel), /^OK 3 usable/)
  })
}
