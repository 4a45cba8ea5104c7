/** Pieces of the custom resources that Kubernetes itself has too, under its own names. */
import { z } from 'zod'
import { BindingStatus } from './binding.ts'
import { ConfigStatus } from './config.ts'

/** A quantity as Kubernetes writes it: "1Gi", "100m", "0.5". */
const QUANTITY = /^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/

export const Quantity = z.string().max(32).regex(QUANTITY, 'must be a quantity such as 1Gi or 100m')

/** Manifests write `cpu: 1` as well as `cpu: "1"`: both are quantities to Kubernetes. */
const IntOrQuantity = z.union([z.int().min(0).max(2 ** 50), Quantity]).transform(String)
  // the bounds of both members, which the one form that a CRD allows has no place for
  .meta({ 'x-kubernetes-int-or-string': true, pattern: QUANTITY.source, maxLength: 32, minimum: 0, maximum: 2 ** 50 })

export const SecretName = z.string().min(1).max(253).regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be the name of a Secret')

/** An object of Kubernetes that is passed on as it is; what is wrong in it the API server says when it is applied. */
export const passedOn = (what: string) => z.looseObject({}).meta({ 'x-kubernetes-preserve-unknown-fields': true }).describe(what)

/** Of what is passed on, as sentences: the API server drops null only where a schema names the fields, and no child may hold it. */
export function nullProblems (fields: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(fields).flatMap(([name, value]) => holdsNull(value) ? [`${name} must not hold null.`] : [])
}

function holdsNull (value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value === null
  return Object.values(value).some(holdsNull)
}

const quantities = (what: string) => z.record(z.string(), IntOrQuantity).optional().describe(what)

export const Resources = z.object({
  limits: quantities('The most a container may use, by resource name (cpu, memory).'),
  requests: quantities('What the scheduler reserves, by resource name (cpu, memory).'),
}).describe('Resource requests and limits of a container.')
export type Resources = z.infer<typeof Resources>

export const Image = z.string().min(1).max(512).regex(/^\S+$/, 'must not contain white space')

/** A port that is open on every node; the range is kube-apiserver's default. */
export const NodePort = z.int().min(30000).max(32767)

const Retention = z.enum(['Retain', 'Delete']).default('Retain')

export const Storage = z.object({
  size: Quantity.default('1Gi').describe('Size of each volume claim. It may grow, never shrink.'),
  hostPath: z.string().min(2).max(1024).regex(/^\/[^:]*$/, 'must be an absolute path').optional().describe(
    'Folder on the node that holds the data, in a subfolder <namespace>/<pod>. Without it each pod gets a volume claim. ' +
    'A pod that moves to another node starts empty there and is filled by its master.'),
  storageClassName: z.string().min(1).max(253).optional().describe('Storage class of the volume claims; the cluster\'s default if left out.'),
  accessModes: z.array(z.enum(['ReadWriteOnce', 'ReadWriteOncePod', 'ReadWriteMany'])).min(1).max(3).optional()
    .describe('Access modes of the volume claims; ReadWriteOnce if left out.'),
  retention: z.object({
    whenDeleted: Retention.describe('Of the claims when the CR is deleted.'),
    whenScaled: Retention.describe('Of the claims of pods that are scaled away.'),
  }).optional().describe('What happens to volume claims that no pod needs. They are kept if left out.'),
}).describe('Where the data is kept.')
export type Storage = z.infer<typeof Storage>

export const Exporter = z.object({
  enable: z.boolean().default(false).describe('Run a Prometheus exporter beside each Redis.'),
  image: Image.default('oliver006/redis_exporter:v1.50.0').describe('Image of the exporter.'),
  port: z.int().min(1).max(65535).default(9121).describe('Port that the exporter listens on; not 6379, which is Redis\' own.')
    .meta({ 'x-kubernetes-validations': [{ rule: 'self != 6379', message: 'exporter.port cannot be 6379: Redis itself listens there' }] }),
  resources: Resources.optional(),
}).describe('Prometheus exporter sidecar.')
export type Exporter = z.infer<typeof Exporter>

export const Condition = z.object({
  type: z.string().max(316).describe('What the condition is about, in CamelCase.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: z.string().max(1024).describe('Why, as one documented CamelCase word.'),
  message: z.string().max(32768).describe('Why, in words for a person.'),
  lastTransitionTime: z.string().max(64).describe('When `status` last changed, RFC 3339.'),
  observedGeneration: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional().describe('The generation of the spec that was looked at.'),
}).describe('One condition, in the standard shape of Kubernetes.')
export type Condition = z.infer<typeof Condition>

export const Phase = z.enum(['Pending', 'Ready', 'Error'])
export type Phase = z.infer<typeof Phase>

/** Status fields that both kinds have. */
export const commonStatus = {
  phase: Phase.optional().describe('Pending while it is being built or repaired, Ready when it serves, Error when a person must act.'),
  endpoint: z.string().max(512).optional().describe('host:port that clients inside the cluster write to.'),
  binding: BindingStatus,
  config: ConfigStatus,
  observedGeneration: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional().describe('The generation of the spec that this status belongs to.'),
  conditions: z.array(Condition).max(32).optional().describe('Ready, SpecValid, Applied and others; reasons are in docs/conditions.md.')
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] }),
}

/** What Kubernetes keeps about any object, as far as the hook reads it. Unknown fields are kept by the looseObject. */
export const ObjectMeta = z.looseObject({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string().optional(),
  generation: z.int().optional(),
  resourceVersion: z.string().optional(),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
})
export type ObjectMeta = z.infer<typeof ObjectMeta>

/** A CEL rule of the CRD, checked by the API server on every write. */
export interface CelRule {
  readonly rule: string
  readonly message: string
  readonly fieldPath?: string
}

/** Child Services are named after the parent, and a Service's name is a DNS-1035 label. */
export const NAME_RULE: CelRule = {
  rule: "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
  message: 'metadata.name must start with a letter and hold only a-z, 0-9 and "-": Services are named after it',
}

/** Changing where the data lies would start Redis empty beside its old data. */
export const STORAGE_RULES: readonly CelRule[] = [
  { rule: '!has(self.hostPath) || !has(self.storageClassName)', message: 'hostPath and storageClassName exclude each other' },
  { rule: 'has(self.hostPath) == has(oldSelf.hostPath) && (!has(self.hostPath) || self.hostPath == oldSelf.hostPath)', message: 'hostPath cannot be changed: the data would stay behind' },
  { rule: 'has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)', message: 'storageClassName cannot be changed' },
  { rule: 'has(self.accessModes) == has(oldSelf.accessModes) && (!has(self.accessModes) || self.accessModes == oldSelf.accessModes)', message: 'accessModes cannot be changed' },
  { rule: 'quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0', message: 'size cannot shrink' },
  { rule: "!has(self.hostPath) || !self.hostPath.contains('..')", message: 'hostPath must not contain ".."' },
]
