/** How pods are made and placed, and how Services are reached, under Kubernetes' own names. */
import { z } from 'zod'
import { GROUP } from './group.ts'
import { passedOn, Resources } from './kubernetes.ts'

const texts = (what: string, maxLength: number) => z.record(z.string(), z.string().max(maxLength)).optional().describe(what)

export const PodSettings = z.object({
  resources: Resources.optional(),
  affinity: passedOn('Affinity as in a pod. Without it pods of one kind keep to different nodes and zones where possible.').optional(),
  topologySpreadConstraints: z.array(passedOn('One topology spread constraint.')).max(16).optional()
    .describe('Topology spread constraints as in a pod.'),
  tolerations: z.array(passedOn('One toleration.')).max(32).optional().describe('Tolerations as in a pod.'),
  nodeSelector: texts('Labels that a node must have.', 63),
  priorityClassName: z.string().max(253).optional().describe('Priority class of the pods.'),
  serviceAccountName: z.string().max(253).optional().describe('Service account of the pods; its token is not mounted.'),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).optional().describe('When the images are pulled.'),
  imagePullSecrets: z.array(z.object({ name: z.string().max(253).describe('Name of a Secret.') })).max(16).optional()
    .describe('Secrets with which the images are pulled.'),
  labels: texts('Labels added to the pods. Those that the operator itself sets cannot be changed.', 63),
  annotations: texts('Annotations added to the pods.', 4096),
  securityContext: passedOn('Fields of the pod\'s security context that replace the operator\'s: runAsUser 999, fsGroup 999, ...').optional(),
}).describe('How the pods are made and placed.')
export type PodSettings = z.infer<typeof PodSettings>

export const ServiceSettings = z.object({
  type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']).optional().describe('NodePort if a node port is given, else ClusterIP.'),
  annotations: texts('Annotations of the Service, for load balancers and DNS.', 4096),
  loadBalancerSourceRanges: z.array(z.string().max(43)).max(64).optional().describe('Networks (CIDR) that may use the load balancer.'),
  externalTrafficPolicy: z.enum(['Cluster', 'Local']).optional()
    .describe('Local keeps the client\'s address, and answers only on nodes that have such a pod.'),
}).describe('How a Service is reached.')
export type ServiceSettings = z.infer<typeof ServiceSettings>

/** Labels by which the operator, its Services and its budgets find the pods. */
const OWN_LABELS = ['app', 'component', 'name', 'redis-role', 'controller-revision-hash', 'statefulset.kubernetes.io/pod-name']

/** What the schema cannot say of pod settings, as sentences. */
export function podProblems (field: string, { labels = {}, annotations = {} }: PodSettings = {}): string[] {
  const own = Object.keys(labels).filter((key) => OWN_LABELS.includes(key) || key.startsWith('app.kubernetes.io/'))
  const ours = Object.keys(annotations).filter((key) => key.startsWith(`${GROUP}/`))
  return [
    ...own.map((key) => `${field}.labels: ${key} is the operator's own.`),
    ...ours.map((key) => `${field}.annotations: ${key} is the operator's own.`),
  ]
}

export function serviceProblems (field: string, settings: ServiceSettings = {}, nodePort?: number): string[] {
  const { type, loadBalancerSourceRanges, externalTrafficPolicy } = settings
  const isInside = type === 'ClusterIP' || (type === undefined && nodePort === undefined)
  return [
    ...(type === 'ClusterIP' && nodePort !== undefined ? [`${field}.type: a node port needs NodePort or LoadBalancer.`] : []),
    ...(type !== 'LoadBalancer' && loadBalancerSourceRanges ? [`${field}.loadBalancerSourceRanges needs the type LoadBalancer.`] : []),
    ...(isInside && externalTrafficPolicy ? [`${field}.externalTrafficPolicy needs the type NodePort or LoadBalancer.`] : []),
  ]
}
