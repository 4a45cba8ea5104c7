/** The ConfigMap of a Redis: its redis.conf. */
import type { ConfigMap } from 'kubernetes-types/core/v1.js'
import { configLines } from '../api/config.ts'
import type { RedisSpec } from '../api/redis.ts'
import type { Parent } from '../metadata/children.ts'
import { commonLabels, type Identity } from '../metadata/labels.ts'
import { redisNames } from '../metadata/names.ts'
import { REDIS_PORT } from './exporter.ts'
import { SCRIPTS } from './scripts.ts'
import { tlsCliFlags, tlsConf } from './tls.ts'
import { DATA_DIR } from './volumes.ts'

/** Every acknowledged write is on disk within a second, and a truncated last record does not keep Redis from starting. */
export function standaloneConf ({ config, tls }: Pick<RedisSpec, 'config' | 'tls'>): string {
  return [
    ...(tls ? tlsConf(REDIS_PORT, tls.clientCertificates) : [`port ${REDIS_PORT}`]),
    'bind * -::*',
    '# reached through Services only; authentication is the way to protect it',
    'protected-mode no',
    `dir ${DATA_DIR}`,
    'appendonly yes',
    'appendfsync everysec',
    'aof-load-truncated yes',
    'tcp-keepalive 60',
    ...configLines(config),
    '',
  ].join('\n')
}

/** A password or TLS need a start script; without them it is started as ever. */
export function needsScripts ({ auth, tls }: Pick<RedisSpec, 'auth' | 'tls'>): boolean {
  return auth !== undefined || tls !== undefined
}

export function redisConfigMap (parent: Parent, spec: RedisSpec, identity: Identity): ConfigMap {
  const { name, namespace } = parent.metadata
  const flags = spec.tls ? tlsCliFlags(spec.tls.clientCertificates) : []
  const scripts = { ...SCRIPTS, 'server.env': `REDIS_CLI_FLAGS='${flags.join(' ')}'\n` }
  const data = { 'redis.conf': standaloneConf(spec), ...(needsScripts(spec) && scripts) }
  return configMap(redisNames(name).config, namespace, identity, data)
}

export function configMap (name: string, namespace: string, identity: Identity, data: Record<string, string>): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels: commonLabels(identity) }, data }
}
