/** What the pods of both kinds share: metadata, security, placement. */
import type { StatefulSet, StatefulSetSpec } from 'kubernetes-types/apps/v1.js'
import type {
  Affinity, Container, PodSpec, PodTemplateSpec, ResourceRequirements, TopologySpreadConstraint, Volume, WeightedPodAffinityTerm
} from 'kubernetes-types/core/v1.js'
import type { PodSettings } from '../api/pod.ts'
import { commonLabels, type Identity, selectorLabels } from '../metadata/labels.ts'
import { resourceRequirements } from './exporter.ts'
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
  readonly pod: PodSettings | undefined
}

export function podTemplate ({ identity, settings, initContainers, containers, volumes, pod = {} }: PodParts): PodTemplateSpec {
  const { imagePullPolicy } = pod
  const pulled = (container: Container): Container => imagePullPolicy ? { ...container, imagePullPolicy } : container
  return {
    metadata: {
      labels: { ...pod.labels, ...commonLabels(identity) },
      annotations: { ...pod.annotations, [SETTINGS_ANNOTATION]: settings },
    },
    spec: {
      ...placement(pod, identity),
      // nothing in the pods talks to the API server, and the Services' variables would only crowd the environment
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: GRACE_SECONDS,
      securityContext: { ...podSecurityContext(), ...pod.securityContext },
      initContainers: initContainers.map(pulled),
      containers: containers.map(pulled),
      volumes,
    },
  }
}

/** The user's objects are Kubernetes' own, and the API server checks them. */
function placement (pod: PodSettings, identity: Identity): Partial<PodSpec> {
  const { affinity, topologySpreadConstraints, tolerations, nodeSelector, priorityClassName, serviceAccountName, imagePullSecrets } = pod
  return {
    affinity: affinity ?? apart(identity),
    ...(topologySpreadConstraints && { topologySpreadConstraints: topologySpreadConstraints as unknown as TopologySpreadConstraint[] }),
    ...(tolerations && { tolerations }),
    ...(nodeSelector && { nodeSelector }),
    // charts write "" for what is not set, and the API server leaves it out
    ...(priorityClassName && { priorityClassName }),
    ...(serviceAccountName && { serviceAccountName }),
    ...(imagePullSecrets && { imagePullSecrets: imagePullSecrets.filter(({ name }) => name !== '') }),
  }
}

/** Of the container that serves: the user's, or requests alone. */
export function resourcesOf (pod: PodSettings | undefined, requests: Record<string, string>): ResourceRequirements {
  return pod?.resources ? resourceRequirements(pod.resources) : { requests }
}

/** Pods of one kind and CR on different nodes and zones where possible: a lost one must not take the majority with it. */
function apart (identity: Identity): Affinity {
  const term = (weight: number, topologyKey: string): WeightedPodAffinityTerm =>
    ({ weight, podAffinityTerm: { labelSelector: { matchLabels: selectorLabels(identity) }, topologyKey } })
  return {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [term(100, 'kubernetes.io/hostname'), term(50, 'topology.kubernetes.io/zone')],
    },
  }
}

/**
 * The desired StatefulSet with the immutable fields of the observed one (design 3.5): the API server refuses a change of
 * them as a whole, so that nothing else would be applied either; and with what it would keep of it by itself.
 */
export function keepImmutable (desired: StatefulSet, observed: StatefulSet | undefined): StatefulSet {
  if (!desired.spec || !observed?.spec) return desired
  const { serviceName, selector, podManagementPolicy, volumeClaimTemplates } = observed.spec
  const kept: Partial<StatefulSetSpec> = {
    ...(serviceName !== undefined && { serviceName }),
    ...(podManagementPolicy !== undefined && { podManagementPolicy }),
    ...(volumeClaimTemplates !== undefined && { volumeClaimTemplates }),
  }
  return { ...desired, spec: { ...desired.spec, ...kept, selector, template: withAccount(desired.spec.template, observed.spec.template) } }
}

/** The API server keeps an account that is taken out under its former name, `serviceAccount`: the default one has to be asked for. */
function withAccount (desired: PodTemplateSpec, observed: PodTemplateSpec): PodTemplateSpec {
  if (!desired.spec || desired.spec.serviceAccountName || !observed.spec?.serviceAccountName) return desired
  return { ...desired, spec: { ...desired.spec, serviceAccountName: 'default' } }
}
