/** Label keys, the labels every object carries, and the selectors. A builder never spells a label key. */
import { GROUP } from '../api/group.ts'

/** Written by the sentinel-probe alone, on the pods of a RedisSentinel; never in a pod template (design 2.2). */
export const ROLE_LABEL = 'redis-role'
export const MASTER_ROLE = 'master'
export const REPLICA_ROLE = 'slave'
export type Role = typeof MASTER_ROLE | typeof REPLICA_ROLE

/** On a pod: when its role label last changed, RFC 3339. The hook reads it for `status.lastRoleUpdateTime`. */
export const ROLE_SINCE_ANNOTATION = `${GROUP}/redis-role-since`

/** On the pod of a sentinel, by the probe: what SENTINEL CKQUORUM says while it cannot reach a quorum. The hook makes `Quorum` of it. */
export const QUORUM_ANNOTATION = `${GROUP}/no-quorum`

/** On a RedisSentinel: the redis pod that a person wants as master. The probe takes it away when that is so. */
export const SWITCHOVER_ANNOTATION = `${GROUP}/switchover`

/** On the Service of one pod: that pod's name. The probe learns announced address -> pod from these Services. */
export const POD_SERVICE_LABEL = `${GROUP}/pod`

export const MANAGED_BY = 'redis-operator'

export type App = 'redis' | 'redis-sentinel'
export type Component = 'redis' | 'sentinel'

export interface Identity {
  readonly app: App
  readonly component: Component
  /** The parent's name as a label value: `parentPrefix(name)`. */
  readonly name: string
}

/** Immutable for ever: a StatefulSet's selector cannot be changed (design 2.2). */
export function selectorLabels ({ app, component, name }: Identity): Record<string, string> {
  return { app, component, name }
}

export function commonLabels ({ app, component, name }: Identity): Record<string, string> {
  // the selector's, spelled out: a spread here is the slowest line of the hook
  return {
    app,
    component,
    name,
    'app.kubernetes.io/component': component,
    'app.kubernetes.io/instance': name,
    'app.kubernetes.io/managed-by': MANAGED_BY,
    'app.kubernetes.io/name': app,
  }
}
