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
  /** All that there are. */
  readonly sentinels: () => readonly SentinelLink[]
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
  /** How many bytes the former master has written beyond what the successor has: it is the master again, for its pause was too short. */
  readonly behind?: number
}

/** Of the pause that must be left before the promotion, and before the abdication: what is sent then arrives while writes still wait. */
const SHARE_BEFORE_PROMOTION = 0.2
const SHARE_BEFORE_ABDICATION = 0.1
/** `*1 $4 PING`: what a master sends to its replicas every second, also while its writes are paused. No write is as short. */
const PING_BYTES = 14

export async function holdElection (election: Election, electorate: Electorate, conduct: Conduct): Promise<Result> {
  const { former, reason, votesNeeded } = election
  const begun = conduct.now()
  const ballots = await collect(election, electorate)
  const votes = ballots.filter(({ isGranted }) => isGranted).length
  // the first error tells most: a refused command is refused by all
  if (votes < votesNeeded || isContested(ballots, election)) return { outcome: 'NotElected', votes, error: ballots.find(({ error }) => error)?.error }
  // whoever was frozen meanwhile may find that the sentinels have acted
  if (conduct.now() - begun > election.downAfterMilliseconds / 2) return { outcome: 'Overtaken', votes }
  const promotion = reason === 'NotPublished' ? undefined : await promote(election, electorate, conduct)
  if (promotion) return { votes, ...promotion }
  const failed = former && await replace(election, former, electorate, conduct)
  if (failed) return { votes, ...failed }
  return { votes, outcome: await publish(election, electorate, conduct) }
}

type Failure = Pick<Result, 'outcome' | 'error' | 'behind'>

async function promote ({ pod, former }: Election, electorate: Electorate, { mayAct, now }: Conduct): Promise<Failure | undefined> {
  if (!mayAct()) return { outcome: 'Overtaken' }
  if (former && !isStillPaused(electorate.paused(), former.uid, SHARE_BEFORE_PROMOTION, now())) return { outcome: 'NotPromoted' }
  const error = await failure(() => electorate.redisLink(pod.uid)?.promote())
  return error === undefined ? undefined : { outcome: 'NotPromoted', error }
}

/**
 * The former master abdicates, keeps what it has, and says how much that is: only when its successor has all of it does it follow and give
 * up the rest. Its pause may have ended while the command was on its way; then it is the master again, and nothing is lost. Before any
 * sentinel hears of the successor: whoever looks at this later sees a master that cannot write, and publishes its successor.
 */
async function replace (
  { pod, predecessor }: Election, former: RedisView, electorate: Electorate, { mayAct, now }: Conduct
): Promise<Failure | undefined> {
  const link = electorate.redisLink(former.uid)
  if (!mayAct()) return { outcome: 'Overtaken' }
  if (!link || !isStillPaused(electorate.paused(), former.uid, SHARE_BEFORE_ABDICATION, now())) return { outcome: 'NotDemoted' }
  let offset: number | undefined
  const error = await failure(async () => { offset = await link.abdicate() })
  if (error !== undefined) return { outcome: 'NotDemoted', error }
  const has = pod.process.kind === 'slave' ? pod.process.offset : -Infinity
  const behind = (offset ?? Infinity) - has
  if (!mayAct()) return { outcome: 'Overtaken' }
  if (hasAll(behind)) {
    const lost = await failure(() => link.demote(pod.address ?? ''))
    // it follows nobody: the next look points it at its successor
    return lost === undefined ? undefined : { outcome: 'NotDemoted', error: lost }
  }
  if (offset !== undefined && await isStillNamed(predecessor, electorate)) await failure(() => link.reinstate())
  return { outcome: 'NotDemoted', behind }
}

const hasAll = (behind: number) => behind <= 0 || behind === PING_BYTES

/** By every sentinel that answers: one that a sentinel has passed over must not be a master again. */
async function isStillNamed (predecessor: string, { sentinels }: Electorate): Promise<boolean> {
  const links = sentinels()
  await Promise.all(links.map((link) => link.ask()))
  const answers = links.flatMap((link) => link.answer() ?? [])
  return answers.length > 0 && answers.every(({ named }) => named === predecessor)
}

function isStillPaused (paused: PausedMaster | undefined, uid: string, share: number, now: number): boolean {
  return paused?.uid === uid && paused.until - now >= (paused.until - paused.from) * share
}

/**
 * Nobody waits for a sentinel that is slow when a majority has voted. But when the sentinels find a master down they are about to act by
 * themselves: then each that answered a moment ago is waited for.
 */
function collect ({ voters, votesNeeded, predecessor, epoch, reason }: Election, { sentinelLink }: Electorate): Promise<Ballot[]> {
  const ballots: Ballot[] = []
  const asked = voters.map(async ({ uid }) => {
    const ballot = await sentinelLink(uid)?.vote(predecessor, epoch)
    if (ballot) ballots.push(ballot)
  })
  const isEnough = () => reason !== 'FoundDown' && ballots.filter(({ isGranted }) => isGranted).length >= votesNeeded
  return enough(asked, isEnough).then(() => [...ballots])
}

/** One that does not say what it does may have promoted somebody by itself. */
function isContested (ballots: readonly Ballot[], election: Election): boolean {
  const isMissing = election.reason === 'FoundDown' && ballots.filter(({ answer }) => answer !== undefined).length < election.voters.length
  return isMissing || ballots.some((ballot) => isAgainst(ballot, election))
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
