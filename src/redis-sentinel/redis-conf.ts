// redis.conf of the redis pods: what is the same in all of them. redis-start.sh adds the announced address, the
// master and the password.
import { type Config, configLines } from '../api/config.ts'
import type { Tls } from '../api/tls.ts'
import { tlsConf } from '../redis/tls.ts'

export interface RedisConfInput {
  /** Writes survive the end of the process: false where the pod has no volume of its own. */
  readonly persistent: boolean
  readonly redisReplicas: number
  readonly port: number
  /** The pod's volume; a test uses a folder of its own. */
  readonly dir?: string
  /** Only TLS, with the files of the Secret in `tlsDir`. The password is no setting: the start script adds it. */
  readonly tls?: Pick<Tls, 'clientCertificates'> | undefined
  readonly tlsDir?: string
  readonly config?: Config
}

export function redisConf (input: RedisConfInput): string {
  return [
    ...(input.tls ? tlsConf(input.port, input.tls.clientCertificates, input.tlsDir) : [`port ${input.port}`]),
    `dir ${input.dir ?? '/data'}`,
    // sentinels and replicas come from other pods; who may is a matter of the password and of NetworkPolicy
    'protected-mode no',
    // finds the connections of a lost node within minutes
    'tcp-keepalive 60',
    ...(input.persistent ? appendOnly : inMemory),
    ...replication,
    ...(input.redisReplicas >= 3 ? boundedLoss : []),
    // SIGTERM waits this long for replicas that lag; the pod's grace period is longer
    'shutdown-timeout 10',
    ...configLines(input.config),
    '',
  ].join('\n')
}

const appendOnly: readonly string[] = [
  'appendonly yes',
  // a killed process loses nothing, a lost machine up to two seconds
  'appendfsync everysec',
  // the tail that a crash has cut must not keep the pod from starting: replicas have the rest
  'aof-load-truncated yes',
  // no snapshots beside it: redis ignores dump.rdb at start, and each one costs a fork and twice the memory
  'save ""',
]

const inMemory: readonly string[] = [
  'appendonly no',
  'save ""',
  // or a restart serves the old file that a full synchronization has left
  'rdb-del-sync-files yes',
]

const replication: readonly string[] = [
  // a pod that is away for a minute resumes instead of copying everything
  'repl-backlog-size 64mb',
  'repl-diskless-sync yes',
  'repl-diskless-sync-delay 0',
  // notices a vanished node before the default's minute; more than the ping period of 10
  'repl-timeout 15',
  // the same everywhere: all replicas are equal to the sentinels, and 0 would mean never promoted
  'replica-priority 100',
  // a replica that copies anew frees its old data beside serving
  'replica-lazy-flush yes',
]

// A master that is cut off from all replicas stops writes after three seconds instead of losing all of them. Two pods
// could not write while one is away, so from three on; one second would be on the edge, since replicas report once a second.
const boundedLoss: readonly string[] = [
  'min-replicas-to-write 1',
  'min-replicas-max-lag 3',
]
