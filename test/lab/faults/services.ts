// Services that are deleted and come back with other addresses: 43, 43.5, 44. That of a replica: 35 in surroundings.ts.
import type { Kind } from '../pod.ts'
import { ask, MASTER_NAME, sentinelMaster, SENTINEL_PORT, sleep, until } from '../questions.ts'
import type { Fault, Run } from './run.ts'

/** Longer than a sentinel takes to find somebody down. */
const DOWN_MS = 6000
const NEW = { redis: 150, sentinel: 160 } as const
const HEAL_SECONDS = 150
const ELECTING_MS = 600

/** Resolves to the moment when that began. */
async function makeAnew ({ lab, plane }: Run, pods: readonly (readonly [Kind, number])[]): Promise<number> {
  const from = performance.now()
  const addresses = { redis: lab.redis.slice(), sentinel: lab.sentinels.slice() }
  for (const [kind, ordinal] of pods) {
    const address = lab.network.address(NEW[kind] + ordinal)
    await plane.recreateService(kind, ordinal, address)
    addresses[kind][ordinal] = address
  }
  await sleep(DOWN_MS)
  lab.redis.splice(0, lab.redis.length, ...addresses.redis)
  lab.sentinels.splice(0, lab.sentinels.length, ...addresses.sentinel)
  await lab.configure({ redis: lab.redis, sentinels: lab.sentinels })
  await plane.sync()
  return from
}

/** The master, the replicas and the other sentinels that a sentinel knows, none of them down. */
async function knows (sentinel: string): Promise<string> {
  const { ip = '', flags } = await sentinelMaster(sentinel)
  const all = await Promise.all(['REPLICAS', 'SENTINELS'].map(async (kind) =>
    await ask(sentinel, SENTINEL_PORT, 'SENTINEL', kind, MASTER_NAME) as string[][]))
  const of = (fields: readonly string[], name: string) => fields[fields.indexOf(name) + 1] ?? ''
  const others = all.flat()
  const isDown = flags !== 'master' || others.some((fields) => of(fields, 'flags').includes('down'))
  return isDown ? 'somebody is down' : [ip, ...others.map((fields) => of(fields, 'ip'))].toSorted().join(' ')
}

/** Without a failover and without loops. */
async function heals (run: Run, from: number): Promise<void> {
  const { lab, plane, master, check, figure } = run
  const isRight = async () => {
    const found = await Promise.all(lab.sentinels.map(async (own) => {
      const wanted = [...lab.redis, ...lab.sentinels.filter((other) => other !== own)]
      return await knows(own) === wanted.toSorted().join(' ')
    }))
    return found.every(Boolean) || undefined
  }
  const right = await until('all sentinels know the new addresses alone', isRight, HEAL_SECONDS).catch(() => false)
  check(`not right within ${HEAL_SECONDS} s`, right)
  const now = right ? await lab.healed(HEAL_SECONDS) : undefined
  check('there was a failover', now === undefined || now === master())
  figure('all know the new addresses', performance.now() - from, 120_000)
  const log = await plane.probe.log()
  const pauses = log.split('\n').filter((line) => line.includes('"command":"pause"')).length
  check(`the probe paused the writes ${pauses} times`, pauses === 0)
  figure('write gap', run.gap())
}

async function allNew (run: Run): Promise<void> {
  await heals(run, await makeAnew(run, run.lab.everybody()))
}

/** The kubelets bring the new addresses later than the sentinels need to find the former one down. */
async function mastersNew (run: Run): Promise<void> {
  await heals(run, await makeAnew(run, [['redis', run.master()]]))
}

async function sentinelsNew (run: Run): Promise<void> {
  const { lab, master, check, figure, time, writes } = run
  await heals(run, await makeAnew(run, lab.everybody().filter(([kind]) => kind === 'sentinel')))
  for (const sentinel of lab.sentinels) {
    const answer = String(await ask(sentinel, SENTINEL_PORT, 'SENTINEL', 'CKQUORUM', MASTER_NAME).catch(String))
    check(`sentinel ${sentinel}: ${answer}`, answer.startsWith('OK 3'))
  }
  const former = master()
  const { sandbox } = lab.pod('redis', former)
  await sandbox.cutOff()
  const another = async () => (await lab.masters()).some((ordinal) => ordinal !== former)
  figure('another master', await time('another master', another, 45), lab.spec().downAfterMilliseconds + ELECTING_MS)
  await writes()
  await sandbox.restore()
}

export const serviceFaults: readonly Fault[] = [
  { number: 43, name: 'all Services are new', inject: allNew },
  { number: 43.5, name: 'the Service of the master is new', inject: mastersNew },
  { number: 44, name: 'all Services of the sentinels are new, then the node of the master is lost', inject: sentinelsNew },
]
