/** The Redis kind: one Redis process with its volume. */
import { z } from 'zod'
import { Auth, AUTH_RULES } from './auth.ts'
import { Binding } from './binding.ts'
import { Config, configProblems } from './config.ts'
import { commonStatus, Exporter, Image, NodePort, nullProblems, ObjectMeta, STORAGE_RULES, Storage } from './kubernetes.ts'
import { NetworkPolicySettings } from './network-policy.ts'
import { Paused } from './paused.ts'
import { PodSettings, podProblems, serviceProblems, ServiceSettings } from './pod.ts'
import { Tls, TLS_RULES } from './tls.ts'

export const RedisSpec = z.object({
  image: Image.default('redis:7.0').describe('Image of Redis (or Valkey): the official ones, Debian or Alpine.'),
  nodePort: NodePort.optional().describe('Port on every node that leads to Redis. Without it the Service is reachable inside the cluster only.'),
  storage: Storage.prefault({ size: '1Gi' }).meta({ 'x-kubernetes-validations': STORAGE_RULES }),
  exporter: Exporter.optional(),
  paused: Paused,
  auth: Auth.optional(),
  tls: Tls.optional(),
  networkPolicy: NetworkPolicySettings.optional(),
  binding: Binding.optional(),
  config: Config,
  pod: PodSettings.optional(),
  service: ServiceSettings.optional(),
}).describe('What the user wants.')
  .meta({ 'x-kubernetes-validations': [...AUTH_RULES, ...TLS_RULES] })
export type RedisSpec = z.infer<typeof RedisSpec>

/** What the schema cannot say, as sentences. */
export function redisProblems ({ config, pod, service, nodePort, networkPolicy }: RedisSpec): string[] {
  return [
    ...configProblems(config),
    ...podProblems('pod', pod),
    ...serviceProblems('service', service, nodePort),
    ...nullProblems({ pod, networkPolicy }),
  ]
}

export const RedisStatus = z.object(commonStatus).describe('What was observed.')
export type RedisStatus = z.infer<typeof RedisStatus>

/** The spec stays unparsed here: an invalid one is a condition, not a refused request (design 3.3). */
export const Redis = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal('Redis'),
  metadata: ObjectMeta.extend({ namespace: z.string(), uid: z.string() }),
  spec: z.unknown(),
  status: z.looseObject({}).optional(),
})
export type Redis = z.infer<typeof Redis>
