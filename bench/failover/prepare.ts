/** This operator and a RedisSentinel to measure, with what a cause needs of it, on the local cluster or a given one. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, cluster } from '../../local/clusters.ts'
import { metacontrollerBinary } from '../../local/environment.ts'
import { install, kubectl } from '../../local/install.ts'
import { say } from '../../local/terminal.ts'
import { newPassword, putCertificate, putPassword, SECURED } from './secrets.ts'
import { apply, type Security, type Target } from './target.ts'

/** What the probe may do. slow: it only labels, demotes and repoints; off: there is none. */
export const MODES = ['full', 'slow', 'off'] as const
export type Mode = typeof MODES[number]

const NAMESPACE = 'failover-bench'
const NAME = 'bench'
const PORTS = { masterNodePort: 30989, nodePort: 30988, sentinelNodePort: 30987 }
/** The control plane of the local cluster serves NodePorts as well, and is no node that a run takes away. */
const LOCAL_HOST = '10.89.0.2'

export interface Bench {
  /** One at a time: the next one is made when the last one is gone. */
  readonly open: (security: Security) => Promise<{ readonly target: Target, readonly close: () => Promise<void> }>
  readonly stop: () => Promise<void>
}

export async function prepare (mode: Mode): Promise<Bench> {
  const where = await cluster(process.env['DEMO_KUBECONFIG'], process.env['DEMO_NODE_ADDRESS'])
  const { stop } = await install(where, metacontrollerBinary(process.env))
  const certificates = await mkdtemp(join(tmpdir(), 'bench-failover-'))
  const probe = { start: () => setMode(where, 'full'), stop: () => setMode(where, 'off') }
  return {
    open: async (security) => {
      const target = { ...targetIn(where, security, certificates), ...(mode === 'off' && { probe }) }
      await createRedis(where, target, security)
      await setMode(where, mode === 'off' ? 'full' : mode)
      return { target, close: async () => { await kubectl(where, 'delete', 'namespace', NAMESPACE, '--wait=false') } }
    },
    stop: async () => {
      await setMode(where, 'full')
      await rm(certificates, { recursive: true })
      await stop()
    },
  }
}

async function createRedis (where: Cluster, target: Target, security: Security): Promise<void> {
  await kubectl(where, 'delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=180s')
  await kubectl(where, 'create', 'namespace', NAMESPACE)
  const { password } = target.login
  if (password !== undefined) await putPassword(target, password)
  if (target.certificates !== undefined) await putCertificate(target, target.certificates, 'all')
  const started = performance.now()
  await apply(target, {
    apiVersion: 'cache.iguochan.io/v1', kind: 'RedisSentinel', metadata: { name: NAME, namespace: NAMESPACE }, spec: { ...PORTS, ...SECURED[security] },
  })
  await kubectl(where, '-n', NAMESPACE, 'wait', '--for=condition=Ready', '--timeout=240s', `redissentinel/${NAME}`)
  say(`RedisSentinel ${NAMESPACE}/${NAME} is ready, ${((performance.now() - started) / 1000).toFixed(1)} s after it was applied`)
}

async function setMode (where: Cluster, mode: Mode): Promise<void> {
  const probe = ['-n', 'redis-operator', 'deployment/sentinel-probe']
  await kubectl(where, 'set', 'env', ...probe, `FAST_PATH=${mode === 'slow' ? 'off' : 'on'}`)
  await kubectl(where, 'scale', ...probe, `--replicas=${mode === 'off' ? 0 : 2}`)
  await kubectl(where, 'rollout', 'status', ...probe, '--timeout=120s')
}

function targetIn (where: Cluster, security: Security, certificates: string): Target {
  return {
    environment: where.environment,
    isLocal: where.flavour === 'local',
    namespace: NAMESPACE,
    pods: `app=redis-sentinel,component=redis,name=${NAME}`,
    masterLabel: 'redis-role=master',
    service: `${NAME}-redis-master`,
    host: where.flavour === 'local' ? LOCAL_HOST : where.nodeAddress,
    port: PORTS.masterNodePort,
    // it names ClusterIPs, which only the local cluster's machine reaches from outside
    sentinelPort: where.flavour === 'local' ? PORTS.sentinelNodePort : undefined,
    masterName: 'mymaster',
    statefulSets: [`${NAME}-redis`, `${NAME}-sentinel`],
    login: { ...(security !== 'none' && { password: newPassword() }), isTls: security === 'tls' },
    parent: `redissentinel/${NAME}`,
    sentinels: `app=redis-sentinel,component=sentinel,name=${NAME}`,
    ...(security === 'tls' && { certificates }),
  }
}
