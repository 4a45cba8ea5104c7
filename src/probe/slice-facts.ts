/** What the probe reads of the EndpointSlices of master Services: which one to write at the moment of a failover. Pure. */
import { type App, type Component, POD_SERVICE_LABEL } from '../metadata/labels.ts'
import { redisSentinelNames } from '../metadata/names.ts'
import { metadataOf } from './cluster-facts.ts'
import type { KubeObject, Stored } from './reflector.ts'

export interface SliceFacts extends Stored {
  readonly namespace: string
  readonly name: string
  /** The `name` label: which cluster it belongs to. */
  readonly cluster: string
  readonly family: Family
}

export type Family = 'IPv4' | 'IPv6'

export interface SliceObject extends KubeObject {
  readonly addressType?: string
  readonly ports?: readonly unknown[] | null
  readonly endpoints?: readonly { readonly addresses: readonly string[] }[] | null
}

export const SERVICE_LABEL = 'kubernetes.io/service-name'
/** Not those that somebody else made for our Services. */
export const CONTROLLERS_OWN = 'endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io'
const APP: App = 'redis-sentinel'
const COMPONENT: Component = 'redis'

/** A slice has the labels of its Service. The masters' and the replicas' are left, for a selector knows no part of a name. */
export const SLICE_SELECTOR = [
  `app=${APP}`, `component=${COMPONENT}`, CONTROLLERS_OWN, '!service.kubernetes.io/headless', `!${POD_SERVICE_LABEL}`,
].join(',')

export function trimSlice (object: SliceObject): SliceFacts | undefined {
  const { name, namespace = '', resourceVersion = '', labels = {} } = metadataOf(object)
  const family = object.addressType
  const cluster = labels['name'] ?? ''
  if (labels[SERVICE_LABEL] !== redisSentinelNames(cluster).master || !isInUse(object)) return undefined
  return family === 'IPv4' || family === 'IPv6' ? { namespace, name, resourceVersion, cluster, family } : undefined
}

/** Without an endpoint a slice has no ports either, and with an address alone it would lead nowhere. */
export function isInUse ({ ports }: SliceObject): boolean {
  return (ports ?? []).length > 0
}

export function familyOf (ip: string | undefined): Family {
  return ip?.includes(':') ? 'IPv6' : 'IPv4'
}
