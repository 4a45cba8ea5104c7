/** A switchover to a named pod against real redis and sentinels. */
import t from 'tap'
import { masterLabel, PATIENT, reasons, startCluster } from './cluster.ts'
import { redisPod, until } from './lab.ts'
import { startWriter } from './writer.ts'

const PARENTS = '/apis/cache.iguochan.io/v1/redissentinels'
const ANNOTATION = 'cache.iguochan.io/switchover'

await t.test('the pod that is named becomes master without a lost write, then the annotation goes', async (t) => {
  const { lab } = await startCluster(t, PATIENT)
  const parent = () => lab.api.get(PARENTS, 'sample')!
  const wish = (pod: string) => lab.api.put(PARENTS, { ...parent(), metadata: { ...parent().metadata, annotations: { [ANNOTATION]: pod, other: 'stays' } } })
  const writer = startWriter(lab)
  await writer.more()
  for (const wanted of [2, 1]) {
    wish(redisPod(wanted))
    await until(`redis ${wanted} is labelled`, () => masterLabel(lab) === wanted)
    await writer.more()
    await until('the wish is fulfilled', () => (parent().metadata['annotations'] as Record<string, string>)[ANNOTATION] === undefined)
    t.strictSame(parent().metadata['annotations'], { other: 'stays' })
  }
  await writer.stop()
  t.comment(`longest gap ${writer.gap()} ms, ${writer.count()} acknowledged`)
  t.equal(await writer.lost(1), 0)
  t.ok(reasons(lab).includes('HandedOver'))
  await until('nobody stays preferred', async () => (await Promise.all([0, 1, 2].map(async (n) =>
    (await lab.command(redisPod(n), 'CONFIG', 'GET', 'replica-priority') as string[])[1]))).every((priority) => priority === '100'))
})

await t.test('a name that no pod has is an event, and nothing else happens', async (t) => {
  const { lab } = await startCluster(t, PATIENT)
  const parent = lab.api.get(PARENTS, 'sample')!
  lab.api.put(PARENTS, { ...parent, metadata: { ...parent.metadata, annotations: { [ANNOTATION]: 'nobody' } } })
  await until('the event is there', () => reasons(lab).includes('SwitchoverImpossible'))
  t.equal(masterLabel(lab), 0)
})
