/** A second master against real redis and sentinels: it is made a replica again. */
import t from 'tap'
import { setTimeout as sleep } from 'node:timers/promises'
import { agree, follows, masterLabel, PATIENT, reasons, startCluster } from './cluster.ts'
import { events, redisPod, until } from './lab.ts'

await t.test('a replica that somebody made a master by hand', async (t) => {
  const { lab } = await startCluster(t, PATIENT)
  for (const pause of [0, 300, 700, 1100]) {
    // Anywhere between two looks.
    await sleep(pause)
    const startedAt = performance.now()
    await lab.command(redisPod(1), 'REPLICAOF', 'NO', 'ONE')
    await until('it follows again', () => follows(lab, 1, 0))
    const took = performance.now() - startedAt
    t.comment(`a replica again after ${took.toFixed(0)} ms`)
    t.equal(masterLabel(lab), 0, 'the label stays')
  }
  t.ok(reasons(lab).includes('ZombieDemoted'))
})

await t.test('a master that hung and was succeeded', async (t) => {
  const { lab } = await startCluster(t, { downAfterMilliseconds: 500, failoverTimeout: 3000 })
  let master = 0
  for (const hung of [2000, 5300]) {
    const before = master
    lab.signal(redisPod(before), 'SIGSTOP')
    await until('another one is labelled', () => ![-1, before].includes(masterLabel(lab)))
    master = masterLabel(lab)
    t.notOk(events(lab).some((event) => String(event['message']).includes(' is dead')), 'a hung master is not a dead one')
    await until('the sentinels agree', () => agree(lab, master))
    await sleep(hung)
    const startedAt = performance.now()
    lab.signal(redisPod(before), 'SIGCONT')
    await until('it says slave', async () => await lab.role(redisPod(before)) === 'slave')
    const took = performance.now() - startedAt
    t.comment(`a replica ${took.toFixed(0)} ms after it goes on`)
    await until('it follows', () => follows(lab, before, master))
    t.equal(masterLabel(lab), master)
  }
})
