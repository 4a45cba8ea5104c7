/** The probe may use the Secrets that the CR names, and no other: it has no right on Secrets of its own. */
import type { PolicyRule, Role, RoleBinding } from 'kubernetes-types/rbac/v1.js'
import { commonLabels, type Identity } from '../metadata/labels.ts'

/** As manifests/probe names it. */
export const PROBE = { kind: 'ServiceAccount', name: 'sentinel-probe', namespace: 'redis-operator' } as const
const GROUP = 'rbac.authorization.k8s.io'

export interface SecretAccess {
  readonly name: string
  readonly namespace: string
  readonly identity: Identity
  readonly read: readonly (string | undefined)[]
  /** The Secret for applications. */
  readonly written: string | undefined
}

export function secretAccess ({ name, namespace, identity, read, written }: SecretAccess): (Role | RoleBinding)[] {
  const secrets = [...new Set(read.flatMap((one) => one ?? []))].sort()
  const rule = (resourceNames: string[], verbs: string[]): PolicyRule => ({ apiGroups: [''], resources: ['secrets'], resourceNames, verbs })
  const rules = [
    ...(secrets.length > 0 ? [rule(secrets, ['get'])] : []),
    // an apply that creates is asked for both
    ...(written === undefined ? [] : [rule([written], ['get', 'create', 'patch'])]),
  ]
  if (rules.length === 0) return []
  const metadata = { name, namespace, labels: commonLabels(identity) }
  return [
    { apiVersion: `${GROUP}/v1`, kind: 'Role', metadata, rules },
    { apiVersion: `${GROUP}/v1`, kind: 'RoleBinding', metadata, roleRef: { apiGroup: GROUP, kind: 'Role', name }, subjects: [PROBE] },
  ]
}
