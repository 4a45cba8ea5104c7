/** The open links of one cluster, kept equal to its pods; and one look through them. */
import { sentinelId } from '../metadata/names.ts'
import type { ClusterFacts } from './cluster-facts.ts'
import type { ClusterView, PodFacts } from './inventory.ts'
import { judge } from './decide.ts'
import type { Memory, Observation, Process, RedisView, SentinelView } from './observation.ts'
import type { Secret } from './secret.ts'
import { UNKNOWN } from './process-state.ts'
import { openRedisLink, type RedisLink, REDIS_PORT } from './redis-link.ts'
import { openSentinelLink, SENTINEL_PORT, type SentinelLink } from './sentinel-link.ts'

export interface Members {
  /** Opens links to new pods and closes those to gone ones. */
  readonly follow: (view: ClusterView) => void
  /** Asks everybody and waits, but for nobody longer than a decision needs. */
  readonly look: (view: ClusterView, memory: Memory) => Promise<Observation>
  readonly redisLink: (uid: string) => RedisLink | undefined
  readonly sentinelLink: (uid: string) => SentinelLink | undefined
  readonly sentinels: () => readonly SentinelLink[]
  readonly connections: () => { redis: boolean[], sentinel: boolean[] }
  readonly close: () => void
}

export interface MembersOptions {
  readonly now: () => number
  readonly secret: Secret
  /** Under which this probe asks for votes. */
  readonly ownId: string
  readonly mayElect: boolean
  readonly onChange: () => void
}

const LOOK_DEADLINE_MS = 500
/** Once a master is confirmed: time for the old one to say "slave", which lets its successor be labelled first. */
const STRAGGLER_GRACE_MS = 30
/** A question that has waited this long is answered late or never: the next look does not wait for it, its answer wakes one. */
const SUSPECT_MS = 100

type Link = Pick<RedisLink | SentinelLink, 'isOpen' | 'ask' | 'askedAt' | 'close'>

export function createMembers ({ now, secret, ownId, mayElect, onChange }: MembersOptions): Members {
  const redis = new Map<string, RedisLink>()
  const sentinels = new Map<string, SentinelLink>()
  /** Of the look under way: a promotion that is seen during it must not wait for somebody who is slow. */
  let whenChanged = () => {}
  const changed = () => { whenChanged(); onChange() }
  let current: ClusterView | undefined

  function follow (view: ClusterView): void {
    const { facts, pods } = view
    current = view
    secret.keep(facts)
    const common = { access: secret, now, onChange: changed }
    const wanted = (component: PodFacts['component']) => facts ? pods.filter((pod) => pod.component === component) : []
    keep(redis, wanted('redis'), (host, pod) => openRedisLink({ host, port: REDIS_PORT, expected: () => current?.addressOf(pod), ...common }))
    for (const pod of pods) if (pod.presence === 'Gone') redis.get(linkKey(pod))?.retire()
    const masterName = facts?.masterName ?? ''
    keep(sentinels, wanted('sentinel'), (host, pod) =>
      openSentinelLink({ host, port: SENTINEL_PORT, masterName, id: idOf(facts, pod), ownId, ...common }))
  }

  async function look (view: ClusterView, memory: Memory): Promise<Observation> {
    const startedAt = now()
    const observe = () => ({ ...observation(view, { redis, sentinels }, startedAt, memory), mayElect })
    const looking = ask([...redis.values(), ...sentinels.values()], now, () => judge(observe()).kind === 'confirmed')
    whenChanged = looking.check
    await looking.done
    whenChanged = () => {}
    for (const link of redis.values()) if (link.askedAt() !== undefined) wakeWhenMaster(link)
    return observe()
  }

  /** The answer of a second master may come too late for this look, and be no news for the link. */
  function wakeWhenMaster (link: RedisLink): void {
    link.ask().then(() => { if (link.state().process.kind === 'master') onChange() }, onChange)
  }

  return {
    follow,
    look,
    redisLink: (uid) => linkOf(redis, uid),
    sentinelLink: (uid) => linkOf(sentinels, uid),
    sentinels: () => [...sentinels.values()],
    connections: () => ({ redis: openness(redis), sentinel: openness(sentinels) }),
    close: () => { for (const link of [...redis.values(), ...sentinels.values()]) link.close() },
  }
}

function openness (links: ReadonlyMap<string, Link>): boolean[] {
  return [...links.values()].map((link) => link.isOpen())
}

/** One link per pod *and* IP: a pod may get another IP with its sandbox. */
function linkKey ({ uid, ip }: PodFacts): string {
  return `${uid} ${ip}`
}

function linkOf<L extends Link> (links: ReadonlyMap<string, L>, uid: string): L | undefined {
  return [...links].find(([key]) => key.startsWith(`${uid} `))?.[1]
}

function keep<L extends Link> (links: Map<string, L>, pods: readonly PodFacts[], open: (host: string, pod: PodFacts) => L): void {
  const wanted = new Map(pods.flatMap((pod) => pod.ip === undefined ? [] : [[linkKey(pod), { ip: pod.ip, pod }]]))
  for (const [key, link] of links) {
    if (wanted.has(key)) continue
    link.close()
    links.delete(key)
  }
  for (const [key, { ip, pod }] of wanted) if (!links.has(key)) links.set(key, open(ip, pod))
}

/** `done` resolves when all have answered, at the deadline, or a grace after `isEnough`; `check` asks for that once more. */
function ask (links: readonly Link[], now: () => number, isEnough: () => boolean): { done: Promise<void>, check: () => void } {
  const isSuspect = (link: Link) => now() - (link.askedAt() ?? Infinity) >= SUSPECT_MS
  let end = () => {}
  const done = new Promise<void>((resolve) => { end = resolve })
  let open = 0
  let grace: NodeJS.Timeout | undefined
  const deadline = setTimeout(finish, LOOK_DEADLINE_MS)

  function finish (): void {
    clearTimeout(deadline)
    clearTimeout(grace)
    end()
  }

  function check (): void {
    if (!grace && isEnough()) grace = setTimeout(finish, STRAGGLER_GRACE_MS)
  }

  function settled (): void {
    open -= 1
    if (open === 0) finish()
    else check()
  }

  for (const link of links) {
    const suspect = isSuspect(link)
    if (!suspect) open += 1
    link.ask().then(suspect ? undefined : settled, finish)
  }
  if (open === 0) finish()
  return { done, check }
}

/** Without a spec: no count is a majority, and no time is over. */
const NO_SPEC = { sentinelReplicas: Infinity, redisReplicas: Infinity, downAfterMilliseconds: Infinity, failoverTimeout: Infinity }

interface Links {
  readonly redis: ReadonlyMap<string, RedisLink>
  readonly sentinels: ReadonlyMap<string, SentinelLink>
}

function observation (view: ClusterView, links: Links, startedAt: number, memory: Memory): Omit<Observation, 'mayElect'> {
  const of = (component: PodFacts['component']) => view.pods.filter((pod) => pod.component === component)
  const { sentinelReplicas, redisReplicas, downAfterMilliseconds, failoverTimeout } = view.facts ?? NO_SPEC
  return {
    ...memory,
    startedAt,
    sentinelReplicas,
    redisReplicas,
    downAfterMilliseconds,
    failoverTimeout,
    wanted: view.facts?.wanted,
    redis: of('redis').map((pod) => redisView(pod, view.addressOf(pod), links.redis.get(linkKey(pod)), startedAt)),
    sentinels: of('sentinel').map((pod) => sentinelView(pod, view, links.sentinels.get(linkKey(pod)), startedAt)),
  }
}

function redisView (pod: PodFacts, address: string | undefined, link: RedisLink | undefined, startedAt: number): RedisView {
  const state = link?.state()
  return {
    pod: pod.name,
    uid: pod.uid,
    // a Service that was made anew leads to the pod at once; redis announces its new address when the kubelet has brought it
    address: address ?? link?.announced(),
    presence: pod.presence,
    label: pod.label,
    process: processOf(pod, link, startedAt),
    masterSince: state?.masterSince,
    followed: state?.followed,
    silentSince: state?.silentSince,
    unlinkedSince: state?.unlinkedSince,
    isRefusing: state?.refusedSince !== undefined,
    stranger: link?.stranger(),
    revision: pod.revision,
  }
}

function processOf (pod: PodFacts, link: RedisLink | undefined, startedAt: number): Process {
  if (pod.ip === undefined) return { kind: 'dead', cause: 'NotStarted' }
  const process = link?.state().process ?? UNKNOWN
  if (process.kind === 'dead') return process
  if (link && process.kind !== 'unknown' && link.answeredFrom() >= startedAt) return process
  // The kubelet's word counts only while no connection stands against it: it may be older than the next process.
  return pod.ended && !link?.isOpen() ? { kind: 'dead', cause: 'ContainerTerminated' } : UNKNOWN
}

function sentinelView (pod: PodFacts, view: ClusterView, link: SentinelLink | undefined, startedAt: number): SentinelView {
  const { name, uid, ordinal } = pod
  const answer = link && link.answeredFrom() >= startedAt ? link.answer() : undefined
  return { pod: name, uid, ordinal, id: idOf(view.facts, pod), address: view.addressOf(pod), answer, note: pod.note }
}

function idOf (facts: ClusterFacts | undefined, { namespace, ordinal }: PodFacts): string {
  return sentinelId(namespace, facts?.name ?? '', ordinal)
}
