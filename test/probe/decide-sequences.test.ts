/**
 * Random histories of a small world, seen through an unreliable eye: processes die, hang and return, pods leave and come back,
 * sentinels promote and publish late, somebody makes a master by hand, writes of the probe fail. After each event it looks, decides
 * and acts, as src/probe/cluster-loop.ts does; what must never be is checked against the truth, not against what was seen.
 */
import fc from 'fast-check'
import t from 'tap'
import { type Action, decide, judge } from '../../src/probe/decide.ts'
import type { Election } from '../../src/probe/decide-succession.ts'
import { NOTHING, whatToRemember } from '../../src/probe/memory.ts'
import type { Memory, Observation, Process } from '../../src/probe/observation.ts'
import { address, observation, redis, sentinel } from './observations.ts'

interface Pod {
  uid: string
  readonly address: string
  alive: boolean
  /** Hangs or is out of sight: it answers nobody, and may be writable. */
  silent: boolean
  leaving: boolean
  role: 'master' | 'slave'
  master: string
  masterSince: number
  followed: string | undefined
  label: string | undefined
  pausedUntil: number
  offset: number
}
interface World {
  now: number
  readonly pods: Pod[]
  /** What each of the three sentinels names, and whom the one that fails over has promoted. */
  readonly named: string[]
  readonly epochs: number[]
  failover: { by: number, promoted: string } | undefined
  memory: Memory
  generation: number
}

const SIZE = 3
function newWorld (): World {
  const pods = Array.from({ length: SIZE }, (_, n): Pod => ({
    uid: `uid-${n}`, address: address(n), alive: true, silent: false, leaving: false, role: n === 0 ? 'master' : 'slave', master: address(0), masterSince: 0, followed: n === 0 ? undefined : address(0), label: n === 0 ? 'master' : 'slave', pausedUntil: 0, offset: 100,
  }))
  return { now: 10_000, pods, named: Array(3).fill(address(0)), epochs: Array(3).fill(1), failover: undefined, memory: NOTHING, generation: 0 }
}

const isWritable = (world: World, pod: Pod) => pod.alive && pod.role === 'master' && world.now >= pod.pausedUntil
const byAddress = (world: World, at: string) => world.pods.find((pod) => pod.address === at)!

function promote (world: World, by: number): void {
  const monitored = world.named[by]
  const heir = world.pods.find((pod) => pod.alive && !pod.silent && pod.role === 'slave' && pod.address !== monitored)
  if (!heir || world.failover) return
  Object.assign(heir, { role: 'master', masterSince: world.now })
  world.failover = { by, promoted: heir.address }
}

function publish (world: World, at: string, epoch: number): void {
  world.named.fill(at)
  world.epochs.fill(epoch)
  world.failover = undefined
}

/**
 * What an election does: a third of them fails for want of votes, or ends after the promotion, or after the former master's demotion.
 * A hello with an epoch ends the failover of a sentinel that is behind.
 */
function elect (world: World, { pod: { uid }, former, epoch, predecessor, reason }: Election): void {
  const heir = world.pods.find((pod) => pod.uid === uid)!
  const end = epoch % 5
  world.memory = { ...world.memory, election: { epoch, predecessor, at: world.now, outcome: 'NotPromoted', failures: 1 } }
  if (end === 0 || !heir.alive || heir.silent || (world.failover && reason !== 'NotPublished')) return
  if (reason !== 'NotPublished') Object.assign(heir, { role: 'master', masterSince: world.now })
  if (end === 1) return
  const paused = former && world.pods.find((pod) => pod.uid === former.uid)
  if (paused) {
    if (!paused.alive || paused.silent || paused.role !== 'master') return
    Object.assign(paused, { role: 'slave', master: heir.address, pausedUntil: 0 })
  }
  if (end === 2) return
  publish(world, heir.address, epoch)
  world.memory = { ...world.memory, lastMaster: { uid: heir.uid, address: heir.address }, paused: undefined }
}

type Event = readonly [what: string, n: number]
const EVENTS: Record<string, (world: World, n: number) => void> = {
  die: (world, n) => { world.pods[n]!.alive = false },
  hang: (world, n) => { world.pods[n]!.silent = true },
  wake: (world, n) => { world.pods[n]!.silent = false },
  // as redis-start.sh does it: the replica of the one that is named, or itself when nobody else is there
  return: (world, n) => {
    const pod = world.pods[n]!
    if (pod.alive) return
    const [named = ''] = world.named
    const alone = named === pod.address && world.pods.every((other) => other === pod || !other.alive)
    if (named === pod.address && !alone) return
    Object.assign(pod, { alive: true, role: alone ? 'master' : 'slave', master: named, masterSince: world.now, followed: undefined, pausedUntil: 0 })
  },
  leave: (world, n) => { world.pods[n]!.leaving = true },
  recreate: (world, n) => {
    Object.assign(world.pods[n]!, { uid: `uid-${n}-${++world.generation}`, alive: false, leaving: false, label: undefined, silent: false, followed: undefined })
  },
  rogue: (world, n) => { Object.assign(world.pods[n]!, { role: 'master', masterSince: world.now }) },
  promote: (world, n) => promote(world, n),
  publish: (world) => {
    if (!world.failover) return
    publish(world, world.failover.promoted, Math.max(...world.epochs) + 1)
  },
  forget: (world) => { world.failover = undefined },
  replicate: (world) => { for (const pod of world.pods) if (pod.alive && pod.role === 'slave') pod.followed = pod.master },
  wait: (world, n) => { world.now += [20, 400, 2500][n]! },
}

function processOf (pod: Pod): Process {
  if (!pod.alive) return { kind: 'dead', cause: 'ConnectionRefused' }
  if (pod.silent) return { kind: 'unknown' }
  if (pod.role === 'master') return { kind: 'master', offset: pod.offset, replicas: [] }
  return { kind: 'slave', master: pod.master, link: 'connected', offset: pod.offset }
}

function look (world: World, hidden: number): Observation {
  const pods = world.pods.map((pod, n) => redis(n, hidden === n ? { kind: 'unknown' } : withLink(world, processOf(pod)), pod.label, {
    uid: pod.uid, masterSince: pod.role === 'master' ? pod.masterSince : undefined, followed: pod.followed, presence: pod.leaving ? 'Leaving' : 'Present',
  }))
  const sentinels = world.named.map((named, n) => {
    const failingOver = world.failover?.by === n
    return sentinel(n, hidden === SIZE + n ? undefined : { named, monitored: named, failingOver, subjectivelyDown: isDown(world, named), quietMs: Infinity, configEpoch: world.epochs[n]!, vote: undefined })
  })
  return observation(pods, [], { ...world.memory, startedAt: world.now, sentinels })
}

/** The sentinels notice a silent master a second after the others do. */
function isDown (world: World, at: string): boolean {
  const { alive, silent } = byAddress(world, at)
  return !alive || silent
}

function withLink (world: World, process: Process): Process {
  if (process.kind !== 'slave') return process
  const master = byAddress(world, process.master)
  return { ...process, link: master.alive && master.role === 'master' ? 'connected' : 'connect' }
}

function perform (world: World, action: Action): void {
  if (action.kind === 'elect') return elect(world, action)
  if (action.kind === 'tell') return
  const pod = world.pods.find(({ uid }) => uid === action.pod.uid)!
  if (action.kind === 'label') pod.label = action.role
  else if (action.kind !== 'fulfil' && action.kind !== 'lead' && pod.alive && !pod.silent) command(world, pod, action)
}

function command (world: World, pod: Pod, action: Exclude<Action, { kind: 'label' | 'elect' | 'tell' | 'lead' | 'fulfil' }>): void {
  if (action.kind === 'pause') {
    pod.pausedUntil = world.now + 3000
    world.memory = { ...world.memory, paused: { uid: pod.uid, from: world.now, until: pod.pausedUntil, reason: 'PodLeaves' } }
  } else if (action.kind === 'resume') {
    pod.pausedUntil = 0
    world.memory = { ...world.memory, paused: world.memory.paused && { ...world.memory.paused, until: world.now } }
  } else if (action.kind === 'reinstate') Object.assign(pod, { role: 'master', master: undefined })
  else if (action.kind !== 'unblock' && action.kind !== 'exclude' && action.kind !== 'admit') Object.assign(pod, { role: 'slave', master: action.master, pausedUntil: 0 })
}

/** Runs a history; `check` sees the world before and after each action that was carried out. */
function play (events: readonly (readonly [Event, hidden: number, fails: number])[], check: (world: World, action: Action, before: number) => void): World {
  const world = newWorld()
  for (const [[what, n], hidden, fails] of events) {
    EVENTS[what]!(world, n)
    world.now += 30
    const seen = look(world, hidden)
    const verdict = judge(seen)
    world.memory = whatToRemember(seen, verdict)
    const actions = decide(seen, verdict)
    // labels are written in order, and the first that fails ends them
    const done = actions.filter((action, i) => i !== fails && !(action.kind === 'label' && actions[fails]?.kind === 'label' && i > fails))
    for (const action of done) {
      const before = labelledWritable(world)
      perform(world, action)
      check(world, action, before)
    }
  }
  return world
}

const labelledWritable = (world: World) => world.pods.filter((pod) => pod.label === 'master' && isWritable(world, pod)).length
const anyEvent: fc.Arbitrary<Event> = fc.tuple(fc.constantFrom(...Object.keys(EVENTS), 'wait', 'replicate', 'replicate', 'publish', 'wake', 'return'), fc.nat(SIZE - 1))
const anyHistory = fc.array(fc.tuple(anyEvent, fc.constantFrom(-1, -1, -1, 0, 1, 2, 3, 4, 5), fc.constantFrom(-1, -1, -1, 0, 1)), { maxLength: 60, size: 'max' })
const RUNS = { numRuns: 5000, seed: 20261126 }

await t.test('no action of the probe gives a second writable pod the label, whatever came before', async (t) => {
  let crowned = 0
  fc.assert(fc.property(anyHistory, (history) => {
    let right = true
    play(history, (world, action, before) => {
      if (action.kind !== 'label') return
      if (action.role === 'master') crowned += 1
      right &&= labelledWritable(world) <= Math.max(1, before)
    })
    return right
  }), RUNS)
  t.ok(crowned > 1000, `${crowned} labels of a master`)
})

await t.test('when nothing happens any more one label is on the master that all sentinels name', async (t) => {
  const calm = (what: string, n = 0) => [[what, n], -1, -1] as const
  const end = [...['forget', 'wake', 'return', 'return'].flatMap((what) => [0, 1, 2].map((n) => calm(what, n))), ...Array(8).fill([calm('replicate'), calm('publish'), calm('wait', 2)]).flat()]
  let settled = 0
  fc.assert(fc.property(anyHistory, (history) => {
    const world = play([...history, ...end], () => {})
    const [named = ''] = world.named
    const master = byAddress(world, named)
    // one whose named master is dead waits for the sentinels or the start scripts, which this world has not
    if (world.named.some((other) => other !== named) || !master.alive || master.role !== 'master') return true
    settled += 1
    return world.pods.every((pod) => (pod.label === 'master') === (pod === master))
  }), RUNS)
  t.ok(settled > 1000, `${settled} histories`)
})
