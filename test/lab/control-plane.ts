// What a lab's pods see of Kubernetes: a stand-in for the API server, the hook itself (its pure sync), a kubelet's reports and
// readiness checks, and the compiled probe as a process of its own.
import type { Redis } from 'ioredis'
import type { Test } from 'tap'
import type { ConfigMap, Pod as PodObject, Service } from 'kubernetes-types/core/v1.js'
import { byName, type Child, type Observed } from '../../src/metadata/children.ts'
import { MASTER_ROLE, POD_SERVICE_LABEL, ROLE_LABEL, SWITCHOVER_ANNOTATION } from '../../src/metadata/labels.ts'
import { redisSentinelNames } from '../../src/metadata/names.ts'
import { syncRedisSentinel } from '../../src/redis-sentinel/sync.ts'
import { createFakeApiServer, type FakeObject } from '../probe/fake-api-server.ts'
import { type Lab, labFor, type LabOptions, NAME } from './lab.ts'
import { HOME } from './network.ts'
import type { Kind, Pod } from './pod.ts'
import { createProbe } from './probe-process.ts'
import { connection, REDIS_PORT, sleep, until } from './questions.ts'
import { masterService } from './service.ts'
import { PATIENCE_MS } from './writer.ts'

const PODS = '/api/v1/pods'
const SERVICES = '/api/v1/services'
const CLUSTERS = '/apis/cache.iguochan.io/v1/redissentinels'
const SYNC_MS = 500
/** A kubelet looks at its containers once a second. */
const RELIST_MS = 1000
const READINESS_MS = 3000
const SERVICE_MS = 10
/** From here on the addresses of pods that are created anew. */
const NEW_PODS = 200

/** A cluster under a probe, healed, and its master. */
export async function clusterUnderProbe (t: Test, options: LabOptions = {}): Promise<{ lab: Lab, plane: ControlPlane, master: number }> {
  const lab = await labFor(t, options)
  const plane = await startControlPlane(lab)
  t.teardown(plane.close)
  await plane.probe.start()
  await plane.startAll()
  return { lab, plane, master: await plane.healed() }
}

export type ControlPlane = Awaited<ReturnType<typeof startControlPlane>>

/** `place`: which cluster of the network this is; only the first has a probe unless told. */
export async function startControlPlane (lab: Lab, { place = 0 } = {}) {
  const api = createFakeApiServer({ host: lab.network.address(HOME) })
  await api.start()
  const uids = new Map<string, string>()
  const readiness = new Map<string, boolean>()
  const terminated = new Set<string>()
  const names = redisSentinelNames(NAME)
  const { namespace } = lab.identity
  let created = 0
  let stateMap: ConfigMap[] = []
  const order = { closed: false, checkReadiness: true }
  const restarts: Promise<void>[] = []
  let published = ''
  let moves = 0

  const uidOf = (pod: Pod) => uids.get(pod.name) ?? newUid(pod)
  function newUid (pod: Pod): string {
    const uid = `${pod.name}-${++created}`
    uids.set(pod.name, uid)
    return uid
  }

  /** The pod as the API server shows it; a label that the probe wrote stays while the pod is the same. */
  function show (pod: Pod, more: object = {}): void {
    const uid = uidOf(pod)
    const before = api.get(PODS, pod.name)
    const kept = before?.metadata['uid'] === uid ? before.metadata : undefined
    const owner = { kind: 'StatefulSet', controller: true, uid: `${pod.kind}-set` }
    api.put(PODS, {
      metadata: {
        name: pod.name,
        namespace,
        uid,
        labels: { ...kept?.labels, app: 'redis-sentinel', component: pod.kind, name: NAME },
        ...(kept?.annotations && { annotations: kept.annotations }),
        ownerReferences: [owner],
        ...more,
      },
      status: {
        podIP: pod.ip(),
        phase: 'Running',
        conditions: [{ type: 'Ready', status: readiness.get(pod.name) ? 'True' : 'False' }],
        containerStatuses: [{ name: pod.kind, state: terminated.has(pod.name) ? { terminated: {} } : { running: {} } }],
      },
    })
  }

  function showService (pod: Pod): void {
    api.put(SERVICES, {
      metadata: { name: pod.name, namespace, labels: { [POD_SERVICE_LABEL]: pod.name } }, spec: { clusterIP: pod.address() },
    })
  }

  /** The kubelet starts a container again that ended by itself, and reports one that did not start again. */
  function watch (pod: Pod): void {
    pod.whenItEnds((byItself) => {
      const uid = uids.get(pod.name)
      setTimeout(() => {
        if (order.closed || pod.isRunning() || uids.get(pod.name) !== uid || !api.get(PODS, pod.name)) return
        if (byItself) restarts.push(start(pod).catch(() => {}))
        else terminated.add(pod.name)
        show(pod)
      }, RELIST_MS)
    })
  }

  async function start (pod: Pod): Promise<void> {
    terminated.delete(pod.name)
    show(pod)
    await pod.start()
  }

  function observed (): Observed {
    const set = (kind: Kind) => ({ metadata: { name: names[kind].statefulSet, uid: `${kind}-set` } })
    return {
      configMaps: stateMap,
      services: api.list(SERVICES) as unknown as Service[],
      statefulSets: [set('redis'), set('sentinel')] as Observed['statefulSets'],
      podDisruptionBudgets: [],
      networkPolicies: [],
      roles: [],
      roleBindings: [],
      volumeClaims: [],
      pods: api.list(PODS) as unknown as PodObject[],
    }
  }

  let status: { [field: string]: unknown } | undefined

  /** What Metacontroller does with a change: the hook's ConfigMaps reach the pods. */
  async function sync (): Promise<void> {
    const parent = { metadata: { ...lab.identity, generation: 1 }, spec: lab.spec(), ...(status && { status }) }
    const answer = syncRedisSentinel(parent, observed(), new Date())
    status = answer.status
    const configMaps = answer.children.filter((child: Child): child is ConfigMap => child.kind === 'ConfigMap')
    stateMap = configMaps
    const data = (kind: Kind) => byName(configMaps, names[kind].config)?.data
    const configuration = { redis: data('redis') ?? {}, sentinel: data('sentinel') ?? {} }
    const text = JSON.stringify(configuration)
    if (!data('redis') || text === published) return
    published = text
    await lab.publish(configuration)
  }

  /** A pod that was not created anew for long has its address still. */
  function freeAddress (): string {
    let address: string
    do {
      moves += 1
      address = lab.network.address(NEW_PODS + moves % 20 + 20 * place)
    } while (lab.pods().some((pod) => pod.ip() === address))
    return address
  }

  async function repeat (everyMs: number, task: () => Promise<void>): Promise<void> {
    while (!order.closed) {
      await task()
      await sleep(everyMs)
    }
  }

  async function checkReadiness (): Promise<void> {
    if (!order.checkReadiness) return
    await Promise.all(lab.pods().map(async (pod) => {
      const ready = pod.isRunning() && (await pod.script(`${pod.kind}-ready.sh`)).code === 0
      if (order.closed || readiness.get(pod.name) === ready || !api.get(PODS, pod.name)) return
      readiness.set(pod.name, ready)
      show(pod)
    }))
  }

  /** The custom resource; annotations stay. */
  function putCluster (more: Readonly<Record<string, string>> = {}): void {
    const annotations = { ...api.get(CLUSTERS, NAME)?.metadata.annotations, ...more }
    api.put(CLUSTERS, { metadata: { ...lab.identity, annotations }, spec: lab.spec() })
  }

  const wanted = () => api.get(CLUSTERS, NAME)?.metadata.annotations?.[SWITCHOVER_ANNOTATION]

  const probe = await createProbe(lab, api.url, place)
  putCluster()
  for (const pod of lab.pods()) {
    showService(pod)
    show(pod)
    watch(pod)
  }
  await sync()
  const service = masterService(api, names.master, namespace, () => api.list(PODS).filter(isLabelledMaster))
  const loops = [repeat(SYNC_MS, sync), repeat(READINESS_MS, checkReadiness), repeat(SERVICE_MS, service.follow)]

  /** Ordinals of the redis pods that carry the master's label now. */
  function labelled (): number[] {
    return api.list(PODS).filter(isLabelledMaster).map(({ metadata }) => Number(metadata.name.split('-').at(-1)))
  }

  return {
    api,
    probe,
    labelled,
    events: (): string[] => api.list('/api/v1/events').map((event) => String(event['reason'])),
    labelHistory: () => api.history.filter(isLabelledMaster).map(({ metadata }) => metadata.name),
    status: () => status,
    /** As the lab's own, with the label on the master. */
    async healed (seconds?: number): Promise<number> {
      const master = await lab.healed(seconds)
      await until('the label is on the master', async () => String(labelled()) === String(master) || undefined)
      return master
    },
    /** Of all processes. */
    async logs (): Promise<string> {
      const parts = await Promise.all(lab.everybody().map(async ([kind, ordinal]) => `--- ${kind} ${ordinal}\n${await lab.log(kind, ordinal)}`))
      return [...parts, `--- probe\n${await probe.log()}`].join('\n')
    },
    sync,
    async startAll (order: readonly [Kind, number][] = lab.everybody()): Promise<void> {
      for (const [kind, ordinal] of order) await start(lab.pod(kind, ordinal))
    },
    start: (kind: Kind, ordinal: number) => start(lab.pod(kind, ordinal)),
    /** Killed, and started again in the same pod. */
    async crash (kind: Kind, ordinal: number, { afterMs = 300, wipe = false } = {}): Promise<void> {
      const pod = lab.pod(kind, ordinal)
      await pod.kill()
      if (wipe) await pod.wipe()
      await sleep(afterMs)
      await start(pod)
    },
    /** Deleted, and created anew by the StatefulSet with another address. By force the process may live on without its object. */
    async deletePod (kind: Kind, ordinal: number, { force = false, awayMs = 1000, stay = false, livesMs = 0 } = {}): Promise<void> {
      const pod = lab.pod(kind, ordinal)
      if (force) {
        api.remove(PODS, pod.name)
        await sleep(livesMs)
        await pod.kill()
      } else {
        show(pod, { deletionTimestamp: new Date().toISOString() })
        await pod.terminate()
        api.remove(PODS, pod.name)
      }
      readiness.delete(pod.name)
      uids.delete(pod.name)
      terminated.delete(pod.name)
      if (stay) return
      await sleep(awayMs)
      await pod.moveTo(freeAddress())
      await start(pod)
    },
    /** A Service that somebody deleted is created anew by the hook, with another address. */
    async recreateService (kind: Kind, ordinal: number, address: string): Promise<void> {
      const pod = lab.pod(kind, ordinal)
      api.remove(SERVICES, pod.name)
      await pod.announceAt(address)
      showService(pod)
    },
    /** After a change of the members. */
    show: (kind: Kind, ordinal: number) => { const pod = lab.pod(kind, ordinal); showService(pod); show(pod); watch(pod) },
    changeSpec: async () => { putCluster(); await sync() },
    /** Readiness checks also repair settings, which can be in the way. */
    checkReadiness: (on: boolean) => { order.checkReadiness = on },
    ready: (kind: Kind, ordinal: number) => until(`${kind} ${ordinal} is ready`, async () => readiness.get(lab.pod(kind, ordinal).name) || undefined),
    /** A connection through the master Service, to whom that leads now; from the address of clients if that is given. */
    async throughService (localAddress?: string): Promise<Redis> {
      const from = localAddress === undefined ? {} : { localAddress }
      const patience = { connectTimeout: PATIENCE_MS, commandTimeout: PATIENCE_MS, ...from }
      const address = service.endpoint()
      if (address === undefined) throw new Error('the Service has no endpoint')
      const redis = connection(address, REDIS_PORT, patience)
      await redis.connect()
      return redis
    },
    /** The address that the master Service leads to; undefined of none. */
    endpoint: service.endpoint,
    /** A person asks for this master, and does not wait. */
    annotate: (ordinal: number) => putCluster({ [SWITCHOVER_ANNOTATION]: lab.pod('redis', ordinal).name }),
    /** The probe takes the annotation away when it is done. */
    wanted,
    async switchOver (ordinal: number, seconds = 90): Promise<void> {
      putCluster({ [SWITCHOVER_ANNOTATION]: lab.pod('redis', ordinal).name })
      await until(`redis ${ordinal} is master by a switchover`, async () => {
        return (wanted() === undefined && String(await lab.masters()) === String(ordinal)) || undefined
      }, seconds)
    },
    async close (): Promise<void> {
      order.closed = true
      await probe.kill()
      await Promise.all([...loops, ...restarts])
      await api.stop()
    },
  }
}

function isLabelledMaster ({ metadata }: FakeObject): boolean {
  return metadata.labels?.[ROLE_LABEL] === MASTER_ROLE
}
