// Two RedisSentinels of one name in two namespaces, on volume claims, side by side; and an operator that dies in a failover.
import t from 'tap'
import { startWriter } from '../../local/writer.ts'
import { apply, eventually, kubectl, namespace, ready, redisCli, redisSentinel, roles, serviceAddress } from './fixture.ts'

const SIDES = ['left', 'right'] as const
const NAME = 'twin'
const SPEC = { downAfterMilliseconds: 3000 }

t.before(async () => {
  for (const side of SIDES) await namespace(side)
  await apply(...SIDES.map((side) => redisSentinel(side, NAME, SPEC)))
  for (const side of SIDES) await ready(side, `redissentinel/${NAME}`)
})
t.teardown(async () => kubectl('delete', 'namespace', ...SIDES, '--wait=false'))

/** A field of SENTINEL MASTER at one of the sentinels. */
async function sentinelField (side: string, ordinal: number, field: string): Promise<string | undefined> {
  const lines = (await redisCli(await serviceAddress(side, `${NAME}-sentinel-${ordinal}`), 26379, 'SENTINEL', 'MASTER', 'mymaster')).split('\n')
  return lines[lines.indexOf(field) + 1]
}

async function knowsOnlyItsOwn (side: string): Promise<void> {
  for (const ordinal of [0, 1, 2]) {
    const ask = async () => `${await sentinelField(side, ordinal, 'num-slaves')} ${await sentinelField(side, ordinal, 'num-other-sentinels')}`
    await eventually(`sentinel ${ordinal} of ${side} knows two replicas and two sentinels`, ask, (answer) => answer === '2 2')
  }
}

const masterAddress = (side: string) => serviceAddress(side, `${NAME}-redis-master`)
const oneMaster = (side: string, not?: string) => eventually(`one master and two replicas in ${side}`, () => roles(side, NAME),
  ({ master, slave }) => master?.length === 1 && slave?.length === 2 && master[0] !== not)

t.test('each has its own data and its own members', async (t) => {
  for (const side of SIDES) t.equal(await redisCli(await masterAddress(side), 6378, 'SET', 'side', side), 'OK')
  for (const side of SIDES) {
    t.equal(await redisCli(await masterAddress(side), 6378, 'GET', 'side'), side)
    await knowsOnlyItsOwn(side)
  }
})

t.test('a failover of one, with webhook and probe restarted in the middle of it, loses nothing and does not touch the other', async (t) => {
  const before = (await oneMaster('left')).master[0] as string
  const neighbour = (await oneMaster('right')).master[0] as string
  const writer = startWriter(await masterAddress('left'), 6378, 'writes')
  await eventually('the client writes', async () => writer.acknowledged(), (count) => count > 100)

  await Promise.all([
    kubectl('-n', 'left', 'delete', 'pod', before, '--wait=false'),
    kubectl('-n', 'redis-operator', 'delete', 'pods', '-l', 'app.kubernetes.io/name=redis-operator', '--wait=false'),
  ])
  await oneMaster('left', before)
  await kubectl('-n', 'redis-operator', 'rollout', 'status', 'deployment/redis-operator', '--timeout=120s')
  await kubectl('-n', 'redis-operator', 'rollout', 'status', 'deployment/sentinel-probe', '--timeout=120s')
  await ready('left', `redissentinel/${NAME}`)
  const seen = writer.acknowledged()
  await eventually('the client writes again', async () => writer.acknowledged(), (count) => count > seen + 50)

  const { acknowledged, lost, longestGap } = await writer.finish()
  t.equal(lost, 0, `none of ${acknowledged} acknowledged writes is lost; the longest gap was ${longestGap} ms`)
  t.equal(await redisCli(await masterAddress('left'), 6378, 'GET', 'side'), 'left')
  await knowsOnlyItsOwn('left')
  t.equal((await oneMaster('right')).master[0], neighbour, 'the neighbour has the same master as before')
  t.equal(await redisCli(await masterAddress('right'), 6378, 'GET', 'side'), 'right')
  await knowsOnlyItsOwn('right')
})

t.test('a deleted CR leaves nothing but volumes', async (t) => {
  await kubectl('-n', 'left', 'delete', 'redissentinel', NAME)
  const left = await eventually('only claims are left',
    () => kubectl('-n', 'left', 'get', 'all,configmaps,pdb,pvc', '-l', `name=${NAME}`, '-o', 'name'),
    (text) => !/^(pod|service|statefulset|configmap|poddisruptionbudget)/m.test(text))
  t.match(left, /^(persistentvolumeclaim\/data-twin-(redis|sentinel)-[012]\s*){6}$/)
})
