/** At most one redis and one sentinel at a time is evicted: two of three sentinels are still a majority. */
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js'
import type { Parent } from '../metadata/children.ts'
import { commonLabels, type Component, selectorLabels } from '../metadata/labels.ts'
import { redisSentinelNames } from '../metadata/names.ts'
import { identity } from './identity.ts'

export function podDisruptionBudget (parent: Parent, component: Component): PodDisruptionBudget {
  const of = identity(parent, component)
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: {
      name: redisSentinelNames(parent.metadata.name)[component].podDisruptionBudget,
      namespace: parent.metadata.namespace,
      labels: commonLabels(of),
    },
    spec: { maxUnavailable: 1, selector: { matchLabels: selectorLabels(of) } },
  }
}
