/** What the API server says: the RedisSentinels, their pods and the pods' announced addresses, grouped by cluster. */
import type { Logger } from 'pino'
import { VERSION, GROUP, REDIS_SENTINEL } from '../api/group.ts'
import { POD_SERVICE_LABEL, ROLE_LABEL, type App, type Component } from '../metadata/labels.ts'
import { ordinalOf, parentPrefix } from '../metadata/names.ts'
import type { ApiClient } from './api-client.ts'
import { type ClusterFacts, metadataOf, trimCluster } from './cluster-facts.ts'
import type { Presence } from './observation.ts'
import { type KubeObject, type Reflector, startReflector, type Stored } from './reflector.ts'

export interface PodFacts extends Stored {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** The `name` label: which cluster it belongs to. */
  readonly cluster: string
  readonly component: Component
  readonly ordinal: number
  readonly ip: string | undefined
  readonly node: string | undefined
  readonly presence: Presence
  readonly label: string | undefined
  readonly revision: string | undefined
  readonly hasAnnotations: boolean
  /** The kubelet reports that the redis process ended and has not been started again. */
  readonly ended: boolean
}

interface AddressFacts extends Stored {
  /** namespace/name of the pod that the Service stands for. */
  readonly pod: string
  readonly address: string
}

/** One cluster as the API server shows it; `facts` is undefined while or after its RedisSentinel does not exist. */
export interface ClusterView {
  readonly facts: ClusterFacts | undefined
  readonly pods: readonly PodFacts[]
  readonly addressOf: (pod: PodFacts) => string | undefined
}

export interface Inventory {
  readonly isSynced: () => boolean
  readonly view: (key: string) => ClusterView
  /** Takes in a pod as the API server answered it to our patch. */
  readonly putPod: (pod: KubeObject) => void
  readonly stop: () => void
}

export interface InventoryOptions {
  readonly api: ApiClient
  readonly log: Logger
  /** Empty: all namespaces. */
  readonly namespace: string
  /** A cluster's view changed; `namespace/prefix`. */
  readonly onChange: (key: string) => void
}

const APP: App = 'redis-sentinel'
/** The container of the process itself, beside a possible exporter. */
const REDIS_CONTAINER = 'redis'
/** Written by the StatefulSet controller. */
const REVISION_LABEL = 'controller-revision-hash'

export function startInventory ({ api, log, namespace, onChange }: InventoryOptions): Inventory {
  const clusters = new Map<string, ClusterFacts>()
  const podsOf = new Map<string, Map<string, PodFacts>>()
  const scope = namespace === '' ? '' : `/namespaces/${namespace}`
  const common = { api, log }

  const parents = startReflector<ClusterFacts>({
    ...common,
    path: `/apis/${GROUP}/${VERSION}${scope}/${REDIS_SENTINEL.plural}`,
    trim: trimCluster,
    onChange: (_, after, before) => {
      const key = clusterKey(after ?? before)
      if (after) clusters.set(key, after)
      else clusters.delete(key)
      onChange(key)
    },
  })

  const pods: Reflector<PodFacts> = startReflector<PodFacts>({
    ...common,
    path: `/api/v1${scope}/pods`,
    labelSelector: `app=${APP}`,
    trim: trimPod,
    onChange: (podKey, after, before) => {
      const key = podClusterKey(after ?? before)
      const members = podsOf.get(key) ?? new Map<string, PodFacts>()
      if (after) members.set(podKey, after)
      else members.delete(podKey)
      if (members.size > 0) podsOf.set(key, members)
      else podsOf.delete(key)
      onChange(key)
    },
  })

  const addresses = new Map<string, string>()
  const services = startReflector<AddressFacts>({
    ...common,
    path: `/api/v1${scope}/services`,
    labelSelector: POD_SERVICE_LABEL,
    trim: trimService,
    onChange: (_, after, before) => {
      if (before) addresses.delete(before.pod)
      if (after) addresses.set(after.pod, after.address)
      const pod = pods.get((after ?? before)?.pod ?? '')
      if (pod) onChange(podClusterKey(pod))
    },
  })

  return {
    isSynced: () => parents.isSynced() && pods.isSynced() && services.isSynced(),
    view: (key) => ({
      facts: clusters.get(key),
      pods: [...podsOf.get(key)?.values() ?? []],
      addressOf: (pod) => addresses.get(`${pod.namespace}/${pod.name}`),
    }),
    putPod: pods.put,
    stop: () => { parents.stop(); pods.stop(); services.stop() },
  }
}

function clusterKey (cluster: ClusterFacts | undefined): string {
  return cluster ? `${cluster.namespace}/${parentPrefix(cluster.name)}` : ''
}

function podClusterKey (pod: PodFacts | undefined): string {
  return pod ? `${pod.namespace}/${pod.cluster}` : ''
}

interface PodObject extends KubeObject {
  readonly spec?: { readonly nodeName?: string }
  readonly status?: {
    readonly podIP?: string
    readonly phase?: string
    readonly containerStatuses?: readonly { readonly name: string, readonly state?: { readonly terminated?: object } }[]
  }
}

function trimPod (object: PodObject): PodFacts | undefined {
  const { name, namespace = '', uid = '', resourceVersion = '', labels = {}, annotations, deletionTimestamp } = metadataOf(object)
  const { name: cluster, component } = labels
  const ordinal = ordinalOf(name)
  if (cluster === undefined || ordinal === undefined || (component !== 'redis' && component !== 'sentinel')) return undefined
  return {
    namespace,
    name,
    uid,
    resourceVersion,
    cluster,
    component,
    ordinal,
    ip: addressOf(object.status),
    node: object.spec?.nodeName,
    presence: deletionTimestamp === undefined ? 'Present' : 'Leaving',
    label: labels[ROLE_LABEL],
    revision: labels[REVISION_LABEL],
    hasAnnotations: annotations !== undefined,
    ended: hasEnded(object.status),
  }
}

/** An ended pod is never dialled: its address may be somebody else's by now. */
function addressOf (status: PodObject['status']): string | undefined {
  return isOver(status) ? undefined : status?.podIP
}

function isOver ({ phase }: NonNullable<PodObject['status']> = {}): boolean {
  return phase === 'Failed' || phase === 'Succeeded'
}

function hasEnded (status: NonNullable<PodObject['status']> = {}): boolean {
  const { containerStatuses = [] } = status
  return isOver(status) || containerStatuses.some(({ name, state }) => name === REDIS_CONTAINER && state?.terminated !== undefined)
}

interface ServiceObject extends KubeObject {
  readonly spec?: { readonly clusterIP?: string }
}

function trimService (object: ServiceObject): AddressFacts | undefined {
  const { namespace = '', resourceVersion = '', labels = {} } = metadataOf(object)
  const address = object.spec?.clusterIP
  return address && address !== 'None' ? { resourceVersion, address, pod: `${namespace}/${labels[POD_SERVICE_LABEL]}` } : undefined
}
