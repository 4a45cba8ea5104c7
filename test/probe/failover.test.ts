/** The whole probe process against real redis and sentinels and a fake API server: labels follow the master. */
import t from 'tap'
import { events, publishCluster, redisPod, sentinelPod, startLab, until } from './lab.ts'
import { startProbeProcess } from './process.ts'

const ONE_MASTER = (master: number) => Object.fromEntries([0, 1, 2].map((n) => [redisPod(n), n === master ? 'master' : 'slave']))

await t.test('labels follow bootstrap, failover and a master that was passed over', async (t) => {
  const lab = await startLab()
  t.teardown(lab.stop)
  const probe = startProbeProcess(lab)
  t.teardown(probe.stop)
  const labelled = (master: number) => () => JSON.stringify(lab.labels()) === JSON.stringify(ONE_MASTER(master))
  const now = async () => [0, 1, 2].map((n) => lab.role(redisPod(n)))
  const master = async () => (await Promise.all(await now())).indexOf('master')

  publishCluster(lab)
  lab.startRedis(0)
  lab.startRedis(1, 0)
  lab.startRedis(2, 0)
  await until('replicas are labelled before there is a majority', () => lab.labels()[redisPod(1)] === 'slave')
  t.equal(lab.labels()[redisPod(0)], undefined, 'nobody is labelled master before a majority names one')

  lab.startSentinels()
  await until('the first master is labelled', labelled(0))
  await until('the replicas have full sync behind them', async () => (await lab.command(redisPod(0), 'INFO', 'replication') as string).includes('connected_slaves:2'))

  lab.signal(redisPod(0), 'SIGKILL')
  await until('the new master is labelled', () => labelled(1)() || labelled(2)())
  const second = await master()
  t.ok(labelled(second)(), 'the label is where ROLE says master')

  lab.startRedis(0, second)
  await until('the last replica follows the new master', async () => {
    const role = await lab.command(redisPod(3 - second), 'ROLE') as string[]
    return role[1] === lab.address(redisPod(second))
  })

  // Without a pause and with the old master alive: sentinel itself would leave two writable masters for more than ten seconds.
  // A sentinel may give up (its view of the replicas is up to 10 s old): it is asked again after its failover-timeout.
  let asked = -Infinity
  await until('the old master is a replica', async () => {
    if (Date.now() - asked > 6000) {
      asked = Date.now()
      await lab.command(sentinelPod(0), 'SENTINEL', 'FAILOVER', 'mymaster').catch(() => { asked = -Infinity })
    }
    return await lab.role(redisPod(second)) === 'slave'
  })
  await until('one master again, and labelled so', async () => {
    const roles = await Promise.all([0, 1, 2].map((n) => lab.role(redisPod(n))))
    const third = roles.indexOf('master')
    return roles.filter((role) => role === 'master').length === 1 && third !== second && labelled(third)()
  })

  await t.test('what it did is visible', async (t) => {
    const reasons = new Set(events(lab).map((event) => event['reason']))
    t.ok(reasons.has('MasterChanged'), 'an Event for the new master')
    t.ok(reasons.has('ZombieDemoted'), 'an Event for the zombie')
    const { text } = await probe.get('/metrics')
    t.match(text, /sentinel_probe_active 1/)
    t.match(text, /sentinel_probe_label_lag_seconds_count [3-9]/)
    t.match(text, /sentinel_probe_connections\{component="redis",state="open"\} 3/)
    t.match(text, /sentinel_probe_view_age_seconds\{namespace="lab",name="sample"\}/)
    t.match(text, /sentinel_probe_masters\{namespace="lab",name="sample"\} 1/)
    t.match(text, /sentinel_probe_sentinels\{namespace="lab",name="sample",state="answering"\} 3/)
    t.match(text, /sentinel_probe_sentinels\{namespace="lab",name="sample",state="expected"\} 3/)
    t.match(text, /sentinel_probe_master_changes_total\{namespace="lab",name="sample",reason="\w+"\} \d/)
    t.notMatch(JSON.stringify(probe.logs), /secret-token/, 'no credentials in the log')
    for (const { reason, lagMs } of probe.logs) if (lagMs !== undefined) t.comment(`label lag ${String(lagMs)} ms (${String(reason)})`)
    t.comment(`RSS ${probe.rssMiB().toFixed(0)} MiB`)
  })

  await t.test('it exits on SIGTERM and leaves the Lease free', async (t) => {
    t.equal(await probe.stop(), 0)
    const lease = lab.api.get('/apis/coordination.k8s.io/v1/leases', 'sentinel-probe')
    t.notHas(lease?.['spec'], { holderIdentity: String })
  })
})
