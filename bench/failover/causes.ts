/** What ends a master, and how the cluster gets back what was taken away; and changes, which must cost nothing. */
import { readdir, readFile } from 'node:fs/promises'
import { execa } from 'execa'
import { ROOT } from '../../local/clusters.ts'
import { SWITCHOVER_ANNOTATION } from '../../src/metadata/labels.ts'
import { changeConfig, renewCertificate, rotatePassword } from './changes.ts'
import { kubectl, type PodSeen, pods, type Security, sleep, type Target, until } from './target.ts'

export interface Cause {
  readonly name: string
  readonly title: string
  readonly runs: number
  /** Only where the processes and links of the nodes, or the pods' own addresses, are at hand. */
  readonly localOnly: boolean
  /** Resolves when the master's end has begun; what it resolves to puts back what is missing, before everything must be well again. */
  readonly inject: (target: Target, master: PodSeen) => Promise<() => Promise<void>>
  /** Nobody is promoted, and `inject` resolves when every pod has it. Only for a RedisSentinel of this operator, and when it is named. */
  readonly isChange?: true
  /** What that one must have; nothing if left out. */
  readonly security?: Security
}

const nothing = async () => {}
/** What somebody would wait at the least before plugging the cable in again, or continuing a process. */
const ABSENCE_MS = 15_000
const ROLLING_SECONDS = 300

export const causes: readonly Cause[] = [
  { name: 'kill', title: 'kill -9 of the master\'s process', runs: 30, localOnly: true, inject: async (target, master) => signal(target, master, 'SIGKILL') },
  { name: 'delete', title: 'kubectl delete pod', runs: 30, localOnly: false, inject: (target, { name }) => remove(target, name) },
  { name: 'force', title: 'kubectl delete pod --force', runs: 30, localOnly: false, inject: (target, { name }) => remove(target, name, '--force', '--grace-period=0') },
  { name: 'node', title: 'node lost (its link is down)', runs: 10, localOnly: true, inject: loseNode },
  { name: 'stop', title: 'SIGSTOP of the process, 15 s', runs: 10, localOnly: true, inject: hang },
  { name: 'drain', title: 'kubectl drain of the master\'s node', runs: 10, localOnly: false, inject: drain },
  { name: 'switchover', title: 'switchover to a replica by annotation', runs: 10, localOnly: false, inject: switchOver },
  { name: 'rolling', title: 'rolling update of all StatefulSets', runs: 10, localOnly: false, inject: roll },
  { name: 'config', title: 'another maxmemory in spec.config', runs: 3, localOnly: true, isChange: true, inject: changed(changeConfig) },
  { name: 'rotation', title: 'another password', runs: 3, localOnly: true, isChange: true, security: 'password', inject: changed(rotatePassword) },
  { name: 'renewal', title: 'certificate renewed', runs: 3, localOnly: true, isChange: true, security: 'tls', inject: changed(renewCertificate) },
]

export const usual: readonly Cause[] = causes.filter(({ isChange }) => !isChange)

/** By their names with commas; the usual ones of an empty text. */
export function chosenCauses (names: string): readonly Cause[] {
  if (names === '') return usual
  return names.split(',').map((name) => {
    const cause = causes.find((candidate) => candidate.name === name)
    if (!cause) throw new Error(`no cause '${name}'; there are: ${causes.map((one) => one.name).join(', ')}`)
    return cause
  })
}

function changed (change: (target: Target) => Promise<void>): Cause['inject'] {
  return async (target) => {
    await change(target)
    return nothing
  }
}

/** The redis-server of a pod, as this machine sees it: by the pod's uid in its cgroup. */
async function processOf ({ uid }: PodSeen): Promise<number> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const [name, cgroup] = await Promise.all(['comm', 'cgroup'].map((file) => readFile(`/proc/${entry}/${file}`, 'utf8').catch(() => '')))
    if (name?.trim() === 'redis-server' && cgroup?.replaceAll('_', '-').includes(uid)) return Number(entry)
  }
  throw new Error(`no redis-server of pod ${uid} on this machine`)
}

/** The kubelet backs off for longer after each crash of one container: the next run begins with a new pod. */
async function signal (target: Target, master: PodSeen, name: NodeJS.Signals): Promise<() => Promise<void>> {
  process.kill(await processOf(master), name)
  return async () => { await kubectl(target, 'delete', 'pod', master.name, '--wait=true') }
}

async function remove (target: Target, pod: string, ...flags: string[]): Promise<() => Promise<void>> {
  await kubectl(target, 'delete', 'pod', pod, '--wait=false', ...flags)
  return nothing
}

async function loseNode (_: Target, { node }: PodSeen): Promise<() => Promise<void>> {
  const link = async (state: 'up' | 'down') => { await execa('local/cluster', ['node-net', node, state], { cwd: ROOT }) }
  await link('down')
  return async () => { await sleep(ABSENCE_MS); await link('up') }
}

async function hang (_: Target, master: PodSeen): Promise<() => Promise<void>> {
  const pid = await processOf(master)
  process.kill(pid, 'SIGSTOP')
  return async () => { await sleep(ABSENCE_MS); process.kill(pid, 'SIGCONT') }
}

/** Only the pods that are measured: the others are somebody else's. */
async function drain (target: Target, { node }: PodSeen): Promise<() => Promise<void>> {
  await kubectl(target, 'cordon', node)
  await kubectl(target, 'drain', node, '--pod-selector', target.pods, '--delete-emptydir-data', '--ignore-daemonsets', '--timeout=60s')
  return async () => { await kubectl(target, 'uncordon', node) }
}

/** The way of this operator. */
async function switchOver (target: Target, master: PodSeen): Promise<() => Promise<void>> {
  const heir = (await pods(target)).find(({ name }) => name !== master.name)
  if (target.parent === undefined || !heir) throw new Error('switchover: only for a RedisSentinel of this operator')
  await kubectl(target, 'annotate', '--overwrite', target.parent, `${SWITCHOVER_ANNOTATION}=${heir.name}`)
  return nothing
}

async function roll (target: Target): Promise<() => Promise<void>> {
  const sets = target.statefulSets.map((name) => `statefulset/${name}`)
  await kubectl(target, 'rollout', 'restart', ...sets)
  for (const set of sets) await kubectl(target, 'rollout', 'status', set, `--timeout=${ROLLING_SECONDS}s`)
  await until('all pods are ready', async () => (await pods(target)).every(({ isReady }) => isReady) || undefined)
  return nothing
}
