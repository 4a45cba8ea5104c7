/** The probe against real redis and sentinels: what it does when the master is proven dead, and what it leaves alone. */
import t from 'tap'
import { setTimeout as sleep } from 'node:timers/promises'
import { ALL, agree, follows, inStream, masterLabel, PATIENT, reasons, startCluster } from './cluster.ts'
import type { FakeObject } from './fake-api-server.ts'
import { redisPod, sentinelPod, until } from './lab.ts'

const SLICES = '/apis/discovery.k8s.io/v1/endpointslices'

function sameTarget (slice: FakeObject | undefined, pod: string): boolean {
  const [only, another] = slice?.['endpoints'] as { readonly targetRef: { readonly name: string } }[]
  return only?.targetRef.name === pod && !another
}

await t.test('a dead master is succeeded long before the sentinels notice, also the second time', async (t) => {
  const { lab, probe } = await startCluster(t, PATIENT)
  const labels = {
    app: 'redis-sentinel', component: 'redis', name: 'sample', 'kubernetes.io/service-name': 'sample-redis-master', 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
  }
  const masterSlice = { metadata: { name: 'lab', namespace: 'lab', labels }, addressType: 'IPv4', ports: [{}], endpoints: [] }
  lab.api.put(SLICES, masterSlice)
  let master = 0
  for (const round of ['first', 'second', 'third']) {
    const killedAt = performance.now()
    lab.signal(redisPod(master), 'SIGKILL')
    const before = master
    await until('another one is labelled', () => ![-1, before].includes(masterLabel(lab)))
    master = masterLabel(lab)
    await until('the master Service leads there alone', () => sameTarget(lab.api.get(SLICES, 'lab'), redisPod(master)))
    t.comment(`${round} death: labelled ${(performance.now() - killedAt).toFixed(0)} ms after it`)
    await lab.command(redisPod(master), 'SET', 'after', round)
    lab.startRedis(before, master)
    await until('the sentinels agree', () => agree(lab, master))
    await inStream({ lab, probe }, master)
  }
  t.ok(reasons(lab).includes('FailoverForced'))
  const held = probe.logs.filter(({ msg }) => msg === 'election held')
  t.equal(held.filter(({ outcome }) => outcome === 'Accepted').length, 3, 'once for each death')
  const epochs = held.map(({ epoch }) => Number(epoch))
  t.strictSame(epochs, [...new Set(epochs)].sort((a, b) => a - b), 'each in an epoch of its own, beyond the one before')
  t.match((await probe.get('/metrics')).text, /sentinel_probe_failovers_total\{namespace="lab",name="sample",cause="ProvenDead",answer="Accepted"\} 3/)
})

await t.test('when all have restarted nobody is promoted, for a fresh replica has nothing', async (t) => {
  const { lab } = await startCluster(t, PATIENT)
  for (const n of ALL) lab.signal(redisPod(n), 'SIGKILL')
  await until('all are down', async () => (await Promise.all(ALL.map((n) => lab.role(redisPod(n))))).every((role) => role === undefined))
  lab.startRedis(1, 0)
  lab.startRedis(2, 0)
  await until('the replicas are back', async () => (await Promise.all([1, 2].map((n) => lab.role(redisPod(n))))).every((role) => role === 'slave'))
  await sleep(2000)
  t.strictSame(await Promise.all([1, 2].map((n) => lab.role(redisPod(n)))), ['slave', 'slave'])
  t.equal(masterLabel(lab), 0, 'the label stays')
  lab.startRedis(0)
  await until('the last master is followed again', async () => await follows(lab, 1, 0) && await follows(lab, 2, 0))
  t.notOk(reasons(lab).includes('FailoverForced'))
})

await t.test('of uneven replicas the one with the most data is promoted', async (t) => {
  const { lab } = await startCluster(t, PATIENT)
  // The one that would be taken of two equals: so only the data speaks against it.
  const [lagging, best] = [1, 2]
  await lab.command(redisPod(0), 'CONFIG', 'SET', 'client-output-buffer-limit', 'replica 1mb 0 0')
  lab.signal(redisPod(lagging), 'SIGSTOP')
  for (let n = 0; n < 40; n += 1) await lab.command(redisPod(0), 'SET', `big-${n}`, 'x'.repeat(500_000))
  await until('the other one has it all', async () => await lab.command(redisPod(best), 'EXISTS', 'big-39') === 1)
  lab.signal(redisPod(0), 'SIGKILL')
  await sleep(200)
  lab.signal(redisPod(lagging), 'SIGCONT')
  await until('somebody is promoted', () => masterLabel(lab) > 0, 30_000)
  t.equal(masterLabel(lab), best)
  t.equal(await lab.command(redisPod(best), 'EXISTS', 'big-39'), 1)
  t.ok(reasons(lab).includes('FailoverForced'))
})

await t.test('a hung sentinel does not keep the others from voting', async (t) => {
  const { lab, probe } = await startCluster(t, PATIENT)
  lab.signal(sentinelPod(0), 'SIGSTOP')
  const killedAt = performance.now()
  lab.signal(redisPod(0), 'SIGKILL')
  await until('another one is labelled', () => masterLabel(lab) > 0, 10_000)
  t.comment(`labelled ${(performance.now() - killedAt).toFixed(0)} ms after the death`)
  t.strictSame(probe.logs.filter(({ msg }) => msg === 'election held').map(({ votes, outcome }) => [votes, outcome]), [[2, 'Accepted']])
})

await t.test('with FAST_PATH=off it begins nothing and follows what the sentinels do', async (t) => {
  const { lab, probe } = await startCluster(t, { downAfterMilliseconds: 1000, failoverTimeout: 3000 }, { FAST_PATH: 'off' })
  lab.signal(redisPod(0), 'SIGKILL')
  await until('another one is labelled', () => masterLabel(lab) > 0, 20_000)
  t.strictSame(probe.logs.filter(({ msg }) => msg === 'election held'), [])
})
