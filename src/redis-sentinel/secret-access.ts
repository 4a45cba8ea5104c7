/** The probe may read the Secrets that the CR names, and no other: it has no right on Secrets of its own. */
import type { Role, RoleBinding } from 'kubernetes-types/rbac/v1.js'
import type { RedisSentinelSpec } from '../api/redis-sentinel.ts'
import type { Parent } from '../metadata/children.ts'
import { commonLabels } from '../metadata/labels.ts'
import { redisSentinelNames } from '../metadata/names.ts'
import { identity } from './identity.ts'

/** As manifests/probe names it. */
export const PROBE = { kind: 'ServiceAccount', name: 'sentinel-probe', namespace: 'redis-operator' } as const
const GROUP = 'rbac.authorization.k8s.io'

export function secretAccess (parent: Parent, { auth, tls }: Pick<RedisSentinelSpec, 'auth' | 'tls'>): (Role | RoleBinding)[] {
  const secrets = [...new Set([auth, tls].flatMap((one) => one?.secretName ?? []))].sort()
  if (secrets.length === 0) return []
  const metadata = {
    name: redisSentinelNames(parent.metadata.name).secretAccess,
    namespace: parent.metadata.namespace,
    labels: commonLabels(identity(parent, 'redis')),
  }
  return [
    {
      apiVersion: `${GROUP}/v1`,
      kind: 'Role',
      metadata,
      rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: secrets, verbs: ['get'] }],
    },
    {
      apiVersion: `${GROUP}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: GROUP, kind: 'Role', name: metadata.name },
      subjects: [PROBE],
    },
  ]
}
