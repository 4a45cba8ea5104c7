/** What the pods of both kinds share: metadata, security, placement. */
import type { StatefulSet, StatefulSetSpec } from 'kubernetes-types/apps/v1.js'
import type { Affinity, Container, PodTemplateSpec, Volume } from 'kubernetes-types/core/v1.js'
import { commonLabels, type Identity, selectorLabels } from '../metadata/labels.ts'
import { podSecurityContext } from './security.ts'

/** A change of this annotation is what restarts pods: a hash of the settings that a process reads only at its start. */
export const SETTINGS_ANNOTATION = 'cache.iguochan.io/settings'

/** preStop hands over (10 s) and Redis waits for lagging replicas (10 s) before it saves (sentinel.md 5). */
const GRACE_SECONDS = 60

export interface PodParts {
  readonly identity: Identity
  readonly settings: string
  readonly initContainers: Container[]
  readonly containers: Container[]
  readonly volumes: Volume[]
}

export function podTemplate ({ identity, settings, initContainers, containers, volumes }: PodParts): PodTemplateSpec {
  return {
    metadata: { labels: commonLabels(identity), annotations: { [SETTINGS_ANNOTATION]: settings } },
    spec: {
      affinity: apart(identity),
      // nothing in the pods talks to the API server, and the Services' variables would only crowd the environment
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: GRACE_SECONDS,
      securityContext: podSecurityContext(),
      initContainers,
      containers,
      volumes,
    },
  }
}

/** Pods of one kind and CR on different nodes where possible: a lost node must not take the majority with it. */
function apart (identity: Identity): Affinity {
  return {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [{
        weight: 100,
        podAffinityTerm: { labelSelector: { matchLabels: selectorLabels(identity) }, topologyKey: 'kubernetes.io/hostname' },
      }],
    },
  }
}

/**
 * The desired StatefulSet with the immutable fields of the observed one (design 3.5): the API server refuses a change of
 * them as a whole, so that nothing else would be applied either.
 */
export function keepImmutable (desired: StatefulSet, observed: StatefulSet | undefined): StatefulSet {
  if (!desired.spec || !observed?.spec) return desired
  const { serviceName, selector, podManagementPolicy, volumeClaimTemplates } = observed.spec
  const kept: Partial<StatefulSetSpec> = {
    ...(serviceName !== undefined && { serviceName }),
    ...(podManagementPolicy !== undefined && { podManagementPolicy }),
    ...(volumeClaimTemplates !== undefined && { volumeClaimTemplates }),
  }
  return { ...desired, spec: { ...desired.spec, ...kept, selector } }
}
