/** Planned handovers with trouble in the middle: nothing is lost, and no two pods that take writes carry the master label. */
import t, { type Test } from 'tap'
import { setTimeout as sleep } from 'node:timers/promises'
import { ALL, agree, inStream, leave, masterLabel, PATIENT, startCluster } from './cluster.ts'
import { type Lab, redisPod, sentinelPod, until } from './lab.ts'
import { type ProbeProcess, startProbeProcess } from './process.ts'
import { startWriter } from './writer.ts'

const did = (probe: ProbeProcess, what: string) => probe.logs.some(({ msg, command }) => msg === what || command === what)

/** Looks all the time: pods that carry the label and say that they are master. */
function watchLabels (lab: Lab) {
  const order = { stop: false }
  let most = 0
  const run = async () => {
    while (!order.stop) {
      const labels = lab.labels()
      const labelled = ALL.filter((n) => labels[redisPod(n)] === 'master')
      if (labelled.length > 1) most = Math.max(most, (await Promise.all(labelled.map((n) => lab.role(redisPod(n))))).filter((role) => role === 'master').length)
      await sleep(2)
    }
  }
  const running = run()
  return { stop: async () => { order.stop = true; await running; return most } }
}

interface Scene { readonly lab: Lab, readonly probe: ProbeProcess, readonly writer: ReturnType<typeof startWriter> }

/** The master's pod leaves amid trouble; in the end another one is master, with everything, and everybody agrees. */
function scene (name: string, play: (scene: Scene, t: Test) => Promise<void>): Promise<unknown> {
  return t.test(name, async (t) => {
    const { lab, probe } = await startCluster(t, PATIENT)
    const writer = startWriter(lab)
    const watch = watchLabels(lab)
    await writer.more()
    await play({ lab, probe, writer }, t)
    await until('another one is labelled, alone', () => masterLabel(lab) > 0 && lab.labels()[redisPod(0)] !== 'master')
    const master = masterLabel(lab)
    await writer.more()
    await writer.stop()
    await until('the sentinels agree', () => agree(lab, master))
    await inStream({ lab, probe }, master)
    t.comment(`longest gap ${writer.gap()} ms, ${writer.count()} acknowledged`)
    t.equal(await writer.lost(master), 0, 'nothing is lost')
    t.ok(await watch.stop() <= 1, 'never two')
    t.strictSame(await Promise.all(ALL.map((n) => lab.role(redisPod(n)))), ALL.map((n) => n === master ? 'master' : 'slave'))
  })
}

await scene('the API server is away from the pause on, for longer than the Lease is valid', async ({ lab, probe, writer }) => {
  leave(lab, 0)
  await until('writes are paused', () => did(probe, 'pause'))
  await lab.api.stop()
  await until('another one is master', async () => (await Promise.all([1, 2].map((n) => lab.role(redisPod(n))))).includes('master'))
  await until('the Lease is lost', () => did(probe, 'lease lost'))
  const before = writer.count()
  await lab.api.start()
  await until('it writes again', () => writer.count() > before)
})

await scene('the probe is stopped after it asked for the failover, another takes over, and the first goes on', async ({ lab, probe }, t) => {
  const second = startProbeProcess(lab, 'probe-1')
  t.teardown(second.stop)
  await until('the second probe is ready', async () => second.isListening() && (await second.get('/readyz')).status === 200)
  leave(lab, 0)
  await until('the failover is asked for', () => did(probe, 'election held'))
  probe.kill('SIGSTOP')
  await until('the second holds the Lease', () => did(second, 'lease acquired'))
  await until('it labels the new master', () => masterLabel(lab) > 0)
  probe.kill('SIGCONT')
  await until('the first knows that it holds no Lease', () => did(probe, 'lease lost'))
})

await scene('two of three sentinels are down: the master stays until they are back', async ({ lab, probe, writer }, t) => {
  for (const n of [1, 2]) lab.signal(sentinelPod(n), 'SIGKILL')
  await until('they are down', async () => (await Promise.all([1, 2].map((n) => lab.command(sentinelPod(n), 'PING').catch(() => undefined)))).every((pong) => pong === undefined))
  leave(lab, 0)
  await sleep(4000)
  t.notOk(did(probe, 'pause'), 'nothing begins')
  await writer.more()
  for (const n of [1, 2]) lab.restartSentinel(n)
})

await scene('a replica hangs: the master hands over to the other one', async ({ lab, writer }) => {
  lab.signal(redisPod(2), 'SIGSTOP')
  leave(lab, 0)
  await until('the other one is labelled', () => masterLabel(lab) === 1)
  await writer.more()
  lab.signal(redisPod(2), 'SIGCONT')
})

await scene('the chosen sentinel hangs when it is asked, and does it later', async ({ lab, probe }) => {
  leave(lab, 0)
  await until('writes are paused', () => did(probe, 'pause'))
  lab.signal(sentinelPod(0), 'SIGSTOP')
  await sleep(3000)
  lab.signal(sentinelPod(0), 'SIGCONT')
})

await scene('the master hangs in the pause, for a moment', async ({ lab, probe }) => {
  leave(lab, 0)
  await until('writes are paused', () => did(probe, 'pause'))
  lab.signal(redisPod(0), 'SIGSTOP')
  await sleep(1500)
  lab.signal(redisPod(0), 'SIGCONT')
})
