/** The two ConfigMaps: base configuration, scripts, and the cluster's members in cluster.env. */
import type { ConfigMap } from 'kubernetes-types/core/v1.js'
import { type Config, configLines, directives } from '../api/config.ts'
import { quorumOf, type RedisSentinelSpec } from '../api/redis-sentinel.ts'
import type { Parent } from '../metadata/children.ts'
import { clusterIdentity, redisSentinelNames, sentinelId } from '../metadata/names.ts'
import { fenceMs, HANDOVER_SECONDS, minReplicas } from '../metadata/timings.ts'
import { configMap } from '../redis/config-map.ts'
import { REDIS_PORT } from '../redis/exporter.ts'
import { type AuthMode, clusterEnv } from './cluster-env.ts'
import { identity } from './identity.ts'
import { redisConf } from './redis-conf.ts'
import { SCRIPTS as LOCAL_SCRIPTS } from '../redis/scripts.ts'
import { tlsCliFlags } from '../redis/tls.ts'
import { SCRIPTS } from './scripts.ts'
import { sentinelConf } from './sentinel-conf.ts'
import { SENTINEL_PORT } from './services.ts'

export interface Members {
  readonly redis: readonly string[]
  readonly sentinels: readonly string[]
  /** Announced address of the last known master; undefined before there was one. */
  readonly lastMaster: string | undefined
  readonly auth?: AuthMode | undefined
}

export function configMaps (parent: Parent, spec: RedisSentinelSpec, members: Members): ConfigMap[] {
  const { name, namespace } = parent.metadata
  const names = redisSentinelNames(name)
  const env = clusterEnv({
    masterName: spec.masterName,
    redisPort: REDIS_PORT,
    sentinelPort: SENTINEL_PORT,
    redisAddresses: members.redis,
    sentinelAddresses: members.sentinels,
    sentinelIds: members.sentinels.map((_, ordinal) => sentinelId(namespace, name, ordinal)),
    quorum: quorumOf(spec),
    downAfterMilliseconds: spec.downAfterMilliseconds,
    failoverTimeout: spec.failoverTimeout,
    fenceMilliseconds: fenceMs(spec.downAfterMilliseconds),
    minReplicas: minReplicas(spec.redisReplicas),
    handoverSeconds: HANDOVER_SECONDS,
    identity: clusterIdentity(namespace, name, parent.metadata.uid),
    lastMaster: members.lastMaster,
    auth: members.auth,
    redisCliFlags: spec.tls ? tlsCliFlags(spec.tls.clientCertificates) : [],
  })
  return [
    configMap(names.redis.config, namespace, identity(parent, 'redis'), {
      'cluster.env': env, 'redis.conf': redisConfOf(spec), 'live.conf': liveConf(spec.config), ...scripts('redis-'),
    }),
    configMap(names.sentinel.config, namespace, identity(parent, 'sentinel'), {
      'cluster.env': env, 'sentinel.conf': sentinelConfOf(spec), ...scripts('sentinel-'),
    }),
  ]
}

/** What redis-ready.sh gives a running redis; an empty value would be no key. */
function liveConf (config: Config): string {
  return ['# by CONFIG SET', ...configLines(directives(config, 'live')), ''].join('\n')
}

/** Every pod has a volume, of its own or of its node. */
export function redisConfOf ({ redisReplicas, config, tls }: RedisSentinelSpec): string {
  return redisConf({ persistent: true, redisReplicas, port: REDIS_PORT, config, tls })
}

export function sentinelConfOf ({ tls, sentinelConfig }: Pick<RedisSentinelSpec, 'tls' | 'sentinelConfig'>): string {
  return sentinelConf({ port: SENTINEL_PORT, tls, config: sentinelConfig })
}

function scripts (prefix: string): Record<string, string> {
  const own = Object.entries(SCRIPTS).filter(([name]) => name === 'cluster.sh' || name.startsWith(prefix))
  const { 'standalone.sh': _, ...shared } = LOCAL_SCRIPTS
  return { ...shared, ...Object.fromEntries(own) }
}
