/** The probe when others fail: hung pods, an API server that is away, a probe that dies. */
import t from 'tap'
import { publishPod, redisPod, sentinelPod, startLab, startMembers, until } from './lab.ts'
import { startProbeProcess } from './process.ts'

await t.test('hung pods delay nobody, the API server may be away, and a second probe takes over', async (t) => {
  const lab = await startLab()
  t.teardown(lab.stop)
  const first = startProbeProcess(lab, 'probe-first')
  t.teardown(first.stop)
  await until('the first probe acts', () => first.logs.some(({ msg }) => msg === 'lease acquired'))
  const second = startProbeProcess(lab, 'probe-second')
  t.teardown(second.stop)

  startMembers(lab)
  const masterLabel = () => Object.entries(lab.labels()).find(([, role]) => role === 'master')?.[0]
  await until('the master is labelled', () => masterLabel() === redisPod(0))
  await until('both replicas are in sync', async () => String(await lab.command(redisPod(0), 'INFO', 'replication')).includes('connected_slaves:2'))
  await until('the second probe is ready', async () => second.isListening() && (await second.get('/readyz')).status === 200)

  await t.test('a hung replica and a hung sentinel do not keep a label from being repaired', async (t) => {
    lab.signal(redisPod(2), 'SIGSTOP')
    lab.signal(sentinelPod(2), 'SIGSTOP')
    publishPod(lab, redisPod(1), 'redis')
    await until('the label is back', () => lab.labels()[redisPod(1)] === 'slave')
    t.equal(masterLabel(), redisPod(0))
    lab.signal(redisPod(2), 'SIGCONT')
    lab.signal(sentinelPod(2), 'SIGCONT')
  })

  await t.test('a failover while the API server is away is labelled when it is back', async (t) => {
    await lab.api.stop()
    lab.signal(redisPod(0), 'SIGKILL')
    const masters = async () => [await lab.role(redisPod(1)), await lab.role(redisPod(2))]
    await until('a replica is promoted', async () => (await masters()).includes('master'))
    await lab.api.start()
    const promoted = redisPod((await masters()).indexOf('master') + 1)
    await until('the label is repaired', () => masterLabel() === promoted && lab.labels()[redisPod(0)] === 'slave')
    t.pass('repaired')
  })

  await t.test('when the active probe is killed the other one labels', async (t) => {
    const active = (await first.get('/metrics')).text.includes('sentinel_probe_active 1') ? first : second
    const standby = active === first ? second : first
    active.kill('SIGKILL')
    publishPod(lab, masterLabel() ?? redisPod(1), 'redis')
    await until('the master is labelled again', () => masterLabel() !== undefined)
    t.match((await standby.get('/metrics')).text, /sentinel_probe_active 1/)
    t.equal((await standby.get('/healthz')).status, 200)
    t.equal((await standby.get('/nothing')).status, 404)
  })

  await t.test('no two pods that were alive carried the master label at once', async (t) => {
    const now = new Map<string, string | undefined>()
    const alive = (name: string) => name !== redisPod(0)
    let worst = 0
    for (const { metadata: { name, labels } } of lab.api.history) {
      now.set(name, labels?.['redis-role'])
      worst = Math.max(worst, [...now].filter(([pod, role]) => alive(pod) && role === 'master').length)
    }
    t.equal(worst, 1)
  })
})
