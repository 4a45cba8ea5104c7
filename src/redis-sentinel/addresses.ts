/**
 * Announced addresses: the ClusterIP of each pod's own Service, as observed (design 4.1). Pod IPs are recycled, and a name
 * needs a DNS server at the very moment of a failover (sentinel.md 1.1, 1.2).
 */
import { byName, type Observed } from '../metadata/children.ts'
import type { Component } from '../metadata/labels.ts'
import { podName, type redisSentinelNames } from '../metadata/names.ts'

export type Names = ReturnType<typeof redisSentinelNames>

/** By ordinal; undefined where the Service is not observed yet or has no address yet. */
export type Addresses = readonly (string | undefined)[]

export function addresses (observed: Observed, names: Names, component: Component, replicas: number): Addresses {
  return Array.from({ length: replicas }, (_, ordinal) => {
    const clusterIP = byName(observed.services, podName(names[component].statefulSet, ordinal))?.spec?.clusterIP
    return clusterIP === undefined || clusterIP === '' || clusterIP === 'None' ? undefined : clusterIP
  })
}

export function complete (some: Addresses): some is readonly string[] {
  return some.every((address) => address !== undefined)
}
