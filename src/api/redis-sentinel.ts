/** The RedisSentinel kind: a master, its replicas and the sentinels that watch them. */
import { z } from 'zod'
import { Auth, AUTH_RULES } from './auth.ts'
import { Binding } from './binding.ts'
import { Config, configProblems, SentinelConfig } from './config.ts'
import { type CelRule, commonStatus, Exporter, Image, NodePort, nullProblems, ObjectMeta, STORAGE_RULES, Storage } from './kubernetes.ts'
import { NetworkPolicySettings } from './network-policy.ts'
import { Paused } from './paused.ts'
import { PodSettings, podProblems, serviceProblems, ServiceSettings } from './pod.ts'
import { Tls, TLS_RULES } from './tls.ts'

const differ = (a: string, b: string): CelRule => ({
  rule: `!has(self.${a}) || !has(self.${b}) || self.${a} != self.${b}`,
  message: `${a} and ${b} must be different ports`,
})

const DIFFERENT_PORTS = [differ('masterNodePort', 'nodePort'), differ('masterNodePort', 'sentinelNodePort'), differ('nodePort', 'sentinelNodePort')]

export const RedisSentinelSpec = z.object({
  image: Image.default('redis:7.0').describe('Image of Redis (or Valkey): the official ones, Debian or Alpine.'),
  sentinelImage: Image.default('redis:7.0').describe('Image of the sentinels.'),
  redisReplicas: z.int().min(1).max(7).default(3).describe('Number of Redis pods, the master among them.'),
  sentinelReplicas: z.int().min(3).max(7).default(3).describe('Number of sentinels: 3, 5 or 7.')
    .meta({ 'x-kubernetes-validations': [{ rule: 'self in [3, 5, 7]', message: 'sentinelReplicas must be 3, 5 or 7' }] }),
  masterNodePort: NodePort.optional().describe('Port on every node that leads to the master (read and write).'),
  nodePort: NodePort.optional().describe('Port on every node that leads to the replicas (read only).'),
  sentinelNodePort: NodePort.optional().describe('Port on every node that leads to the sentinels.'),
  storage: Storage.prefault({ size: '1Gi' }).meta({ 'x-kubernetes-validations': STORAGE_RULES }),
  exporter: Exporter.optional(),
  paused: Paused,
  auth: Auth.optional(),
  tls: Tls.optional(),
  networkPolicy: NetworkPolicySettings.optional(),
  binding: Binding.optional(),
  config: Config,
  sentinelConfig: SentinelConfig,
  redisPod: PodSettings.optional(),
  sentinelPod: PodSettings.optional(),
  masterService: ServiceSettings.optional(),
  replicaService: ServiceSettings.optional(),
  sentinelService: ServiceSettings.optional(),
  masterName: z.string().min(1).max(63).regex(/^[A-Za-z0-9._-]+$/, 'must hold only letters, digits, ".", "_" and "-"').default('mymaster')
    .describe('Name by which clients ask the sentinels for the master.')
    .meta({ 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'masterName cannot be changed' }] }),
  quorum: z.int().min(1).max(7).optional()
    .describe('How many sentinels must find the master dead before a failover is tried; a majority of sentinelReplicas if left out.'),
  downAfterMilliseconds: z.int().min(500).max(600000).default(5000)
    .describe('How long the master must be silent until a sentinel finds it down, in milliseconds.'),
  failoverTimeout: z.int().min(1000).max(3600000).default(10000)
    .describe('Bound on the steps of a failover; twice this must pass before a failed one is tried again, in milliseconds.'),
}).describe('What the user wants.')
  .meta({ 'x-kubernetes-validations': [...DIFFERENT_PORTS, ...AUTH_RULES, ...TLS_RULES] })
export type RedisSentinelSpec = z.infer<typeof RedisSentinelSpec>

/** What the schema cannot say, as sentences. */
export function redisSentinelProblems (spec: RedisSentinelSpec): string[] {
  const { quorum, sentinelReplicas } = spec
  return [
    ...(quorum !== undefined && quorum > sentinelReplicas ? [`quorum ${quorum} is more than the ${sentinelReplicas} sentinels: no failover could ever be agreed on.`] : []),
    ...(sentinelReplicas % 2 === 0 ? ['sentinelReplicas must be 3, 5 or 7.'] : []),
    ...configProblems(spec.config),
    ...configProblems(spec.sentinelConfig, 'sentinelConfig'),
    ...podProblems('redisPod', spec.redisPod),
    ...podProblems('sentinelPod', spec.sentinelPod),
    ...serviceProblems('masterService', spec.masterService, spec.masterNodePort),
    ...serviceProblems('replicaService', spec.replicaService, spec.nodePort),
    ...serviceProblems('sentinelService', spec.sentinelService, spec.sentinelNodePort),
    ...nullProblems({ redisPod: spec.redisPod, sentinelPod: spec.sentinelPod, networkPolicy: spec.networkPolicy }),
  ]
}

const ready = (what: string) => z.string().max(16).optional().describe(`Ready and wanted ${what}, as "3/3".`)

export const RedisSentinelStatus = z.object({
  ...commonStatus,
  sentinelEndpoint: z.string().max(512).optional().describe('host:port of the sentinels inside the cluster.'),
  master: z.string().max(253).optional().describe('The pod that is master, by its role label.'),
  lastRoleUpdateTime: z.string().max(64).optional().describe('When the master\'s role label was last written, RFC 3339.'),
  redisReady: ready('Redis pods'),
  sentinelReady: ready('sentinels'),
}).describe('What was observed.')
export type RedisSentinelStatus = z.infer<typeof RedisSentinelStatus>

/** The spec stays unparsed here: an invalid one is a condition, not a refused request (design 3.3). */
export const RedisSentinel = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal('RedisSentinel'),
  metadata: ObjectMeta.extend({ namespace: z.string(), uid: z.string() }),
  spec: z.unknown(),
  status: z.looseObject({}).optional(),
})
export type RedisSentinel = z.infer<typeof RedisSentinel>

/** A majority of the sentinels when the user says nothing. */
export function quorumOf (spec: RedisSentinelSpec): number {
  return spec.quorum ?? Math.floor(spec.sentinelReplicas / 2) + 1
}
