/**
 * The observed objects as far as the hook reads them. The API server keeps to these types, so one that does not was damaged on the
 * way: a refused request touches nothing, a guess could delete or restart something. All else is passed on as it is.
 */
import { z } from 'zod'

const Texts = z.record(z.string(), z.string()).nullish()

const Metadata = z.looseObject({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string().optional(),
  labels: Texts,
  annotations: Texts,
  deletionTimestamp: z.string().nullish(),
  ownerReferences: z.array(z.looseObject({ uid: z.string(), controller: z.boolean().nullish() })).nullish(),
})

export const KubernetesObject = z.looseObject({ apiVersion: z.string(), kind: z.string(), metadata: Metadata })

const ConfigMap = KubernetesObject.extend({ data: Texts })

const Service = KubernetesObject.extend({
  // it goes into a file that shells read
  spec: z.looseObject({ clusterIP: z.string().regex(/^(None|[0-9A-Fa-f.:]*)$/, 'must be an address').optional() }).optional(),
})

const ClaimSpec = z.looseObject({
  resources: z.looseObject({ requests: z.record(z.string(), z.string()).nullish() }).nullish(),
  storageClassName: z.string().nullish(),
})

const VolumeClaim = KubernetesObject.extend({
  spec: ClaimSpec.nullish(),
  status: z.looseObject({ phase: z.string().nullish(), capacity: z.record(z.string(), z.string()).nullish() }).nullish(),
})

/** As far as it says what a pod mounts. */
const PodSpec = z.looseObject({ volumes: z.array(z.looseObject({ name: z.string() })).nullish() }).nullish()

const StatefulSet = KubernetesObject.extend({
  spec: z.looseObject({
    replicas: z.int().min(0).nullish(),
    serviceName: z.string().nullish(),
    podManagementPolicy: z.string().nullish(),
    selector: z.looseObject({ matchLabels: Texts }),
    template: z.looseObject({ metadata: z.looseObject({ annotations: Texts }).nullish(), spec: PodSpec }),
    volumeClaimTemplates: z.array(z.looseObject({ spec: ClaimSpec.nullish() })).nullish(),
  }).optional(),
  status: z.looseObject({ observedGeneration: z.int().nullish(), updatedReplicas: z.int().nullish() }).nullish(),
})

const ContainerStatus = z.looseObject({
  name: z.string(),
  state: z.looseObject({ waiting: z.looseObject({ reason: z.string().nullish() }).nullish() }).nullish(),
})

const Pod = KubernetesObject.extend({
  spec: PodSpec,
  status: z.looseObject({
    conditions: z.array(z.looseObject({
      type: z.string(), status: z.string(), reason: z.string().nullish(), message: z.string().nullish(),
    })).nullish(),
    containerStatuses: z.array(ContainerStatus).nullish(),
    initContainerStatuses: z.array(ContainerStatus).nullish(),
  }).nullish(),
})

/** By a key that hook v1 and v2 write differently. */
const group = <O extends z.ZodType>(object: O) => z.record(z.string(), object).optional()

export const CHILD_GROUPS: readonly string[] = [
  'ConfigMap.v1',
  'NetworkPolicy.networking.k8s.io/v1',
  'PodDisruptionBudget.policy/v1',
  'Role.rbac.authorization.k8s.io/v1',
  'RoleBinding.rbac.authorization.k8s.io/v1',
  'Service.v1',
  'StatefulSet.apps/v1',
]

/** Objects by "Kind.version" or "Kind.group/version". */
export const Groups = z.object({
  'ConfigMap.v1': group(ConfigMap),
  'Service.v1': group(Service),
  'StatefulSet.apps/v1': group(StatefulSet),
  'Pod.v1': group(Pod),
  'PersistentVolumeClaim.v1': group(VolumeClaim),
}).catchall(z.record(z.string(), KubernetesObject))
export type Groups = Record<string, Record<string, z.infer<typeof KubernetesObject>> | undefined>
