/** The two kinds as the CRD generator needs them: schemas, rules and print columns. */
import { REDIS, REDIS_SENTINEL } from '../api/group.ts'
import { NAME_RULE } from '../api/kubernetes.ts'
import { RedisSentinelSpec, RedisSentinelStatus } from '../api/redis-sentinel.ts'
import { RedisSpec, RedisStatus } from '../api/redis.ts'
import type { Column, Kind } from './crd.ts'

const PHASE: Column = { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Pending, Ready or Error' }
const ENDPOINT: Column = { name: 'Endpoint', type: 'string', jsonPath: '.status.endpoint', description: 'host:port to write to' }
const SENTINEL_ENDPOINT: Column = { name: 'SentinelEndpoint', type: 'string', jsonPath: '.status.sentinelEndpoint', description: 'host:port of the sentinels' }
const MASTER: Column = { name: 'Master', type: 'string', jsonPath: '.status.master', description: 'The pod that is master' }
const REDIS_READY: Column = { name: 'Redis', type: 'string', jsonPath: '.status.redisReady', description: 'Ready Redis pods', priority: 1 }
const SENTINEL_READY: Column = { name: 'Sentinels', type: 'string', jsonPath: '.status.sentinelReady', description: 'Ready sentinels', priority: 1 }
const IMAGE: Column = { name: 'Image', type: 'string', jsonPath: '.spec.image', description: 'Image of Redis' }
const AGE: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was created' }

export const KINDS: readonly Kind[] = [
  {
    ...REDIS,
    description: 'Redis is one Redis process with its volume.',
    spec: RedisSpec,
    status: RedisStatus,
    rules: [NAME_RULE],
    columns: [PHASE, ENDPOINT, IMAGE, AGE],
  },
  {
    ...REDIS_SENTINEL,
    description: 'RedisSentinel is a Redis master with replicas, watched by sentinels that replace it when it fails.',
    spec: RedisSentinelSpec,
    status: RedisSentinelStatus,
    rules: [NAME_RULE],
    columns: [PHASE, ENDPOINT, SENTINEL_ENDPOINT, MASTER, REDIS_READY, SENTINEL_READY, IMAGE, AGE],
  },
]
