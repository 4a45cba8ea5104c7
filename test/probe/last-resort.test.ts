/** The probe against real redis and sentinels when no majority of the sentinels is left. */
import t from 'tap'
import { setTimeout as sleep } from 'node:timers/promises'
import { agree, ALL, follows, masterLabel, reasons, startCluster } from './cluster.ts'
import { events, redisPod, sentinelPod, until } from './lab.ts'

await t.test('with one sentinel of three it is the last resort, and the others follow when they return; without any nothing happens', async (t) => {
  const { lab, probe } = await startCluster(t, { downAfterMilliseconds: 1000, failoverTimeout: 1000 })
  lab.signal(sentinelPod(0), 'SIGKILL')
  lab.signal(sentinelPod(1), 'SIGKILL')
  const killedAt = performance.now()
  lab.signal(redisPod(0), 'SIGKILL')
  await until('a replica is promoted', () => masterLabel(lab) > 0)
  const took = performance.now() - killedAt
  t.comment(`labelled ${took.toFixed(0)} ms after the death`)
  t.ok(took > 3000, 'not before the sentinels had time for two attempts')
  t.match(events(lab).find((event) => event['reason'] === 'LastResortPromotion'), { type: 'Warning' })
  const master = masterLabel(lab)
  const other = 3 - master
  t.equal(await lab.command(redisPod(master), 'GET', 'before'), '1')
  await until('the other replica follows', () => follows(lab, other, master))

  lab.startRedis(0, master)
  lab.restartSentinel(0)
  lab.restartSentinel(1)
  const startedAt = performance.now()
  await until('all sentinels agree on it', () => agree(lab, master))
  t.comment(`agreed ${(performance.now() - startedAt).toFixed(0)} ms after two returned with their old files`)
  await sleep(5000)
  t.ok(await agree(lab, master), 'and go on agreeing')
  t.ok(await follows(lab, 0, master) && await follows(lab, other, master))
  t.equal(masterLabel(lab), master)
  t.match((await probe.get('/metrics')).text, /sentinel_probe_failovers_total\{namespace="lab",name="sample",cause="LastResort",answer="Accepted"\} 1/)

  for (const n of ALL) lab.signal(sentinelPod(n), 'SIGKILL')
  lab.signal(redisPod(master), 'SIGKILL')
  await until('the probe says why', () => reasons(lab).includes('NoMaster'))
  t.match(events(lab).find((event) => event['reason'] === 'NoMaster'), { message: /NoMaster, NoSentinelAnswers/, type: 'Warning' })
  t.equal(masterLabel(lab), master, 'the label stays')
  t.strictSame(await Promise.all([0, other].map((n) => lab.role(redisPod(n)))), ['slave', 'slave'])
})
