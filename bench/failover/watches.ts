/** When the role, the label and the endpoints moved to another pod, as seen from outside. */
import { execa } from 'execa'
import type { Redis } from 'ioredis'
import { connect } from './clients.ts'
import { pods, type PodSeen, sleep, type Target } from './target.ts'

export interface Watches {
  /** Forgets all; from now on what differs from this master is news. */
  readonly reset: (master: PodSeen) => void
  /** In ms of performance.now(); undefined: not yet, or it cannot be seen from here. */
  readonly seen: () => Readonly<Record<'promoted' | 'labelled' | 'published', number | undefined>>
  readonly stop: () => Promise<void>
}

// the two cores of a small machine are the cluster's
const ROLE_PACE_MS = 10
const PODS_PACE_MS = 3000

export function startWatches (target: Target): Watches {
  const order = { stop: false }
  let former: PodSeen | undefined
  let [promoted, labelled, published]: (number | undefined)[] = []
  const [label = '', value = ''] = target.masterLabel.split('=')
  const elsewhere = (pod: string) => former !== undefined && pod !== '' && pod !== former.name

  const watches = [
    lines(target, ['get', 'pods', '-l', target.pods, '-o', `jsonpath={.metadata.name} {.metadata.labels.${label.replaceAll('.', '\\.')}}{"\\n"}`], (line) => {
      const [pod = '', role] = line.split(' ')
      if (role === value && elsewhere(pod)) labelled ??= performance.now()
    }, order),
    lines(target, ['get', 'endpointslices', '-l', `kubernetes.io/service-name=${target.service}`, '-o', 'jsonpath={.endpoints[*].targetRef.name}{"\\n"}'], (line) => {
      if (line.split(' ').some(elsewhere)) published ??= performance.now()
    }, order),
    watchRoles(target, (pod) => { if (pod.uid !== former?.uid) promoted ??= performance.now() }, order),
  ]
  return {
    reset: (master) => { former = master; promoted = labelled = published = undefined },
    seen: () => ({ promoted, labelled, published }),
    stop: async () => { order.stop = true; await Promise.all(watches) },
  }
}

/** `kubectl ... --watch`, again when the API server ends it. */
async function lines (target: Target, args: string[], onLine: (line: string) => void, order: { stop: boolean }): Promise<void> {
  while (!order.stop) {
    const child = execa('kubectl', ['-n', target.namespace, ...args, '--watch'], { env: target.environment, reject: false, buffer: false })
    const end = setInterval(() => { if (order.stop) child.kill('SIGTERM') }, 100)
    for await (const line of child) onLine(line)
    clearInterval(end)
    await child
  }
}

/** ROLE on every redis pod, over connections to the pods' own addresses. */
async function watchRoles (target: Target, onMaster: (pod: PodSeen) => void, order: { stop: boolean }): Promise<void> {
  const watched = new Map<string, Promise<void>>()
  while (!order.stop) {
    for (const pod of await pods(target).catch(() => [])) {
      const key = `${pod.uid} ${pod.ip}`
      if (pod.ip === '' || watched.has(key)) continue
      watched.set(key, watchRole(target, pod, onMaster, order).finally(() => watched.delete(key)))
    }
    await sleep(PODS_PACE_MS)
  }
  await Promise.all(watched.values())
}

/** Until it cannot be reached for a while: the pod may be gone. A replica of the master is one only once it was seen as a replica. */
async function watchRole (target: Target, pod: PodSeen, onMaster: (pod: PodSeen) => void, order: { stop: boolean }): Promise<void> {
  let redis: Redis | undefined
  for (let failures = 0; !order.stop && failures < 100; await sleep(ROLE_PACE_MS)) {
    try {
      redis ??= await connect(pod.ip, 6379, target.login)
      const [role] = await redis.role() as unknown[]
      if (role === 'master') onMaster(pod)
      failures = 0
    } catch {
      redis?.disconnect()
      redis = undefined
      failures += 1
    }
  }
  redis?.disconnect()
}
