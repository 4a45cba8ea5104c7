/** Directives of redis.conf that a user may set, and those that are the operator's. */
import { z } from 'zod'

const directivesOf = (what: string) => z.record(z.string(), z.string().max(1024)).optional().describe(what)

export const Config = directivesOf(
  'Directives of redis.conf, such as maxmemory: 1gb. Those on which replication, failover and persistence rest cannot be set.')
export type Config = z.infer<typeof Config>

export const SentinelConfig = directivesOf(
  'Directives of sentinel.conf, such as loglevel: verbose. Those on which failover rests cannot be set.')

const Names = (what: string) => z.array(z.string().max(64)).max(1024).optional().describe(what)

export const ConfigStatus = z.object({
  live: Names('Directives that a running redis takes: by CONFIG SET, without a restart.'),
  restart: Names('Directives that only a start reads: a change of them restarts the pods one by one.'),
}).optional().describe('How a change of each directive of spec.config takes effect.')
export type ConfigStatus = z.infer<typeof ConfigStatus>

/** With what would break if a user set it, in groups. */
const OWNED = new Set([
  // where it is and who it is
  'port', 'bind', 'protected-mode', 'unixsocket', 'dir', 'dbfilename', 'appendfilename', 'appenddirname', 'pidfile', 'logfile', 'daemonize',
  'supervised', 'include', 'loadmodule', 'cluster-enabled', 'rename-command',
  // whom it follows, and what the sentinels see
  'replicaof', 'slaveof', 'replica-announce-ip', 'slave-announce-ip', 'replica-announce-port', 'slave-announce-port', 'replica-announced',
  'replica-priority', 'slave-priority', 'replica-read-only', 'slave-read-only', 'replica-serve-stale-data', 'slave-serve-stale-data',
  'min-replicas-to-write', 'min-slaves-to-write', 'min-replicas-max-lag', 'min-slaves-max-lag', 'repl-diskless-sync',
  'repl-diskless-sync-delay', 'repl-ping-replica-period', 'repl-ping-slave-period', 'busy-reply-threshold', 'lua-time-limit', 'shutdown-timeout',
  // who may use it
  'requirepass', 'masterauth', 'masteruser', 'primaryauth', 'primaryuser', 'user', 'aclfile', 'enable-debug-command',
  // what a start reads
  'appendonly', 'save', 'aof-load-truncated', 'rdb-del-sync-files',
])

/** Words, perhaps in quotes, as redis.conf has them (sdssplitargs): with others redis does not start. */
const WORDS = /^\s*(?:[^\s"']*(?:"(?:\\.|[^"\\])*"|'(?:\\'|[^'])*')?(?:\s+|$))*$/

/** What is wrong with it, as sentences. */
export function configProblems (config: Config, field: 'config' | 'sentinelConfig' = 'config'): string[] {
  return Object.entries(config ?? {}).flatMap(([name, value]) => {
    if (!/^[a-z][a-z0-9-]{0,63}$/.test(name)) return [`${field}: ${JSON.stringify(name)} is no directive.`]
    if (OWNED.has(name) || name.startsWith('tls-') || name === 'sentinel') return [`${field}: ${name} is the operator's own.`]
    if (!/^[^\r\n\0]+$/.test(value)) return [`${field}: the value of ${name} must be one line that is not empty.`]
    return WORDS.test(value) ? [] : [`${field}: the quotes in the value of ${name} do not match.`]
  })
}

/** Lines of redis.conf, in the order of their names. */
export function configLines (config: Config): string[] {
  return Object.entries(config ?? {}).map(([name, value]) => `${name} ${value}`).sort()
}

/** Those of the rest that Redis reads only when it starts (CONFIG SET: "can't set immutable config"). */
const READ_AT_START = new Set([
  'databases', 'io-threads', 'io-threads-do-reads', 'tcp-backlog', 'always-show-logo', 'set-proc-title', 'disable-thp', 'unixsocketperm',
  'syslog-enabled', 'syslog-ident', 'syslog-facility', 'socket-mark-id', 'enable-protected-configs', 'enable-module-command', 'rdbchecksum',
  'server-cpulist', 'bio-cpulist', 'aof-rewrite-cpulist', 'bgsave-cpulist',
])

/** The directives that a running Redis takes, or those that only a start reads. */
export function directives (config: Config, when: 'live' | 'start'): Config {
  return Object.fromEntries(Object.entries(config ?? {}).filter(([name]) => READ_AT_START.has(name) === (when === 'start')))
}

/** Undefined without any. `all`: whether a running redis is told at all, or each change restarts it. */
export function configStatus (config: Config, all: 'live' | 'restart'): ConfigStatus {
  const names = (some: Config) => Object.keys(some ?? {}).sort()
  if (names(config).length === 0) return undefined
  const live = all === 'live' ? names(directives(config, 'live')) : []
  const restart = all === 'live' ? names(directives(config, 'start')) : names(config)
  return { ...(live.length > 0 && { live }), ...(restart.length > 0 && { restart }) }
}
