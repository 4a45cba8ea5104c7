/**
 * Carries out an election (docs/adr/0003): votes, promotion, the living predecessor's demotion, hello. Whatever goes wrong before the
 * demotion leaves the predecessor as the only master that anybody knows; whatever goes wrong after it is published by the next look.
 */
import type { Election } from './decide-succession.ts'
import { type ElectionOutcome, isMajority, type PausedMaster, type RedisView, type SentinelView } from './observation.ts'
import type { RedisLink } from './redis-link.ts'
import type { Ballot, SentinelLink } from './sentinel-link.ts'

export interface Electorate {
  readonly redisLink: (uid: string) => RedisLink | undefined
  readonly sentinelLink: (uid: string) => SentinelLink | undefined
  /** The pause that is in force now. */
  readonly paused: () => PausedMaster | undefined
  readonly sentinelReplicas: number
}

export interface Conduct {
  readonly now: () => number
  /** Asked again before each command: a Lease that ran out in between stops the rest. */
  readonly mayAct: () => boolean
}

export interface Result {
  readonly outcome: ElectionOutcome
  readonly votes: number
  readonly error?: unknown
  /** How many bytes the former master had written beyond what its successor has: nothing, unless its pause ended too early. */
  readonly behind?: number
}

/** Of the pause that must be left before the promotion, and before the demotion: what is sent then arrives while writes still wait. */
const SHARE_BEFORE_PROMOTION = 0.2
const SHARE_BEFORE_DEMOTION = 0.1
/** Replicas are pinged in the stream: that much is no write. */
const PINGS_BYTES = 64

export async function holdElection (election: Election, electorate: Electorate, conduct: Conduct): Promise<Result> {
  const { former, reason, votesNeeded } = election
  const ballots = await collect(election, electorate)
  const votes = ballots.filter(({ isGranted }) => isGranted).length
  if (votes < votesNeeded || ballots.some((ballot) => isAgainst(ballot, election))) return { outcome: 'NotElected', votes }
  const promotion = reason === 'NotPublished' ? undefined : await promote(election, electorate, conduct)
  if (promotion) return { votes, ...promotion }
  const demotion: Failure | Behind = former ? await demote(election, former, electorate, conduct) : {}
  if ('outcome' in demotion) return { votes, ...demotion }
  return { votes, ...demotion, outcome: await publish(election, electorate, conduct) }
}

type Failure = Pick<Result, 'outcome' | 'error'>
type Behind = Pick<Result, 'behind'>

async function promote ({ pod, former }: Election, electorate: Electorate, { mayAct, now }: Conduct): Promise<Failure | undefined> {
  if (!mayAct()) return { outcome: 'Overtaken' }
  if (former && !isStillPaused(electorate.paused(), former.uid, SHARE_BEFORE_PROMOTION, now())) return { outcome: 'NotPromoted' }
  const error = await failure(() => electorate.redisLink(pod.uid)?.promote())
  return error === undefined ? undefined : { outcome: 'NotPromoted', error }
}

/** Before any sentinel hears of the successor: whoever looks at this later sees a master that cannot write, and publishes its successor. */
async function demote (
  { pod }: Election, former: RedisView, electorate: Electorate, { mayAct, now }: Conduct
): Promise<Failure | Behind> {
  if (!mayAct()) return { outcome: 'Overtaken' }
  if (!isStillPaused(electorate.paused(), former.uid, SHARE_BEFORE_DEMOTION, now())) return { outcome: 'NotDemoted' }
  let offset: number | undefined
  const error = await failure(async () => { offset = await electorate.redisLink(former.uid)?.demote(pod.address ?? '') })
  if (error !== undefined) return { outcome: 'NotDemoted', error }
  const level = former.process.kind === 'master' ? former.process.offset : Infinity
  const behind = (offset ?? level) - level
  return behind > PINGS_BYTES ? { behind } : {}
}

function isStillPaused (paused: PausedMaster | undefined, uid: string, share: number, now: number): boolean {
  return paused?.uid === uid && paused.until - now >= (paused.until - paused.from) * share
}

/** Nobody waits for a sentinel that is slow when a majority has voted. */
function collect ({ voters, votesNeeded, predecessor, epoch }: Election, { sentinelLink }: Electorate): Promise<Ballot[]> {
  const ballots: Ballot[] = []
  const asked = voters.map(async ({ uid }) => {
    const ballot = await sentinelLink(uid)?.vote(predecessor, epoch)
    if (ballot) ballots.push(ballot)
  })
  const isEnough = () => ballots.filter(({ isGranted }) => isGranted).length >= votesNeeded
  return enough(asked, isEnough).then(() => [...ballots])
}

/** A sentinel that fails over by itself was elected by others; one that names another master knows more. */
function isAgainst ({ answer }: Ballot, { predecessor, pod, reason }: Election): boolean {
  if (!answer) return false
  if (reason === 'NotPublished') return answer.named !== predecessor && answer.named !== pod.address
  return answer.failingOver || answer.named !== predecessor
}

/** Each is told in the name of another one, whom it knows. */
async function publish (election: Election, electorate: Electorate, { mayAct }: Conduct): Promise<ElectionOutcome> {
  const { pod: { address = '' }, voters, electorate: all, epoch, reason } = election
  if (!mayAct()) return 'Overtaken'
  let told = 0
  const { sentinelReplicas, sentinelLink } = electorate
  const needed = () => reason === 'LastResort' ? told === voters.length : isMajority(told, { sentinelReplicas })
  const saying = voters.map(async (sentinel) => {
    const from = witness(all.filter(({ uid }) => uid !== sentinel.uid))
    if (from && await sentinelLink(sentinel.uid)?.hello({ from, master: address, epoch })) told += 1
  })
  await enough(saying, needed)
  return needed() ? 'Accepted' : 'NotPublished'
}

function witness (others: readonly SentinelView[]): { id: string, address: string } | undefined {
  const [one] = others.flatMap(({ id, address }) => address === undefined ? [] : [{ id, address }])
  return one
}

/** Resolves when that is so, or when all are settled. */
async function enough (running: readonly Promise<void>[], isEnough: () => boolean): Promise<void> {
  await new Promise<void>((resolve) => {
    const check = () => { if (isEnough()) resolve() }
    for (const one of running) one.then(check, check)
    Promise.allSettled(running).then(() => resolve(), () => resolve())
  })
}

/** Undefined when it succeeded. A link that is not there fails. */
async function failure (command: () => Promise<unknown> | undefined): Promise<unknown> {
  try {
    const running = command()
    if (!running) return new Error('no connection')
    await running
    return undefined
  } catch (error) {
    return error ?? new Error('refused')
  }
}
