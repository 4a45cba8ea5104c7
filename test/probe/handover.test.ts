/** The planned handover against real redis and sentinels: no acknowledged write is lost, whoever has to go. */
import t from 'tap'
import { setTimeout as sleep } from 'node:timers/promises'
import { ALL, agree, inStream, leave, masterLabel, PATIENT, PODS, reasons, startCluster } from './cluster.ts'
import { redisPod, sentinelPod, until } from './lab.ts'
import { startWriter } from './writer.ts'

await t.test('a master whose pod is being deleted hands over, whichever it is', async (t) => {
  const { lab, probe } = await startCluster(t, PATIENT)
  const writer = startWriter(lab)
  await writer.more()
  for (const former of [0, -1]) {
    const leaving = former < 0 ? masterLabel(lab) : former
    const pod = leave(lab, leaving)
    await until('another one is labelled', () => ![-1, leaving].includes(masterLabel(lab)))
    const master = masterLabel(lab)
    t.equal(await lab.role(redisPod(leaving)), 'slave', 'the former one is a replica already')
    await writer.more()
    await until('the sentinels agree', () => agree(lab, master))
    lab.api.put(PODS, pod)
    await inStream({ lab, probe }, master)
  }
  await writer.stop()
  t.comment(`longest gap ${writer.gap()} ms, ${writer.count()} acknowledged`)
  t.equal(await writer.lost(masterLabel(lab)), 0)
  t.equal(reasons(lab).filter((reason) => reason === 'HandedOver').length, 2)
  for (const log of probe.logs) if (Number(log['level']) > 30) t.comment(JSON.stringify(log))
  t.strictSame(probe.logs.filter(({ msg }) => msg === 'election held').map(({ reason, outcome }) => [reason, outcome]), [['PodLeaves', 'Accepted'], ['PodLeaves', 'Accepted']])
})

await t.test('a master whose pod was deleted by force goes on until it has handed over', async (t) => {
  const { lab } = await startCluster(t, PATIENT)
  const writer = startWriter(lab)
  await writer.more()
  lab.api.remove(PODS, redisPod(0))
  await until('another one is labelled', () => masterLabel(lab) > 0)
  await writer.more()
  await writer.stop()
  t.comment(`longest gap ${writer.gap()} ms, ${writer.count()} acknowledged`)
  t.equal(await writer.lost(masterLabel(lab)), 0)
  t.ok(reasons(lab).includes('HandedOver'))
})

await t.test('a master whose pod was deleted by force and dies at once is succeeded at once', async (t) => {
  const { lab } = await startCluster(t, PATIENT)
  lab.api.remove(PODS, redisPod(0))
  lab.signal(redisPod(0), 'SIGKILL')
  await until('another one is labelled', () => masterLabel(lab) > 0)
  t.match(reasons(lab).join(), /FailoverForced|HandedOver/)
})

await t.test('a promotion is known to every sentinel at once: when all of them restart, nothing is lost', async (t) => {
  const { lab } = await startCluster(t, PATIENT)
  lab.signal(redisPod(0), 'SIGKILL')
  await until('another one is labelled', () => masterLabel(lab) > 0)
  for (const n of ALL) lab.signal(sentinelPod(n), 'SIGKILL')
  const named = masterLabel(lab)
  const writer = startWriter(lab)
  await writer.more()
  await sleep(200)
  for (const n of ALL) lab.restartSentinel(n)
  lab.startRedis(0, named)
  await until('the sentinels agree with the label', async () => masterLabel(lab) > 0 && agree(lab, masterLabel(lab)))
  await writer.more()
  await writer.stop()
  t.comment(`longest gap ${writer.gap()} ms, ${writer.count()} acknowledged`)
  t.equal(await writer.lost(masterLabel(lab)), 0)
})
