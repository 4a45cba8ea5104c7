/** This operator and a RedisSentinel to measure, on the local cluster or a given one. */
import { execa } from 'execa'
import { stringify } from 'yaml'
import { type Cluster, cluster } from '../../local/clusters.ts'
import { metacontrollerBinary } from '../../local/environment.ts'
import { install, kubectl } from '../../local/install.ts'
import { say } from '../../local/terminal.ts'
import type { Target } from './target.ts'

/** What the probe may do. slow: it only labels, demotes and repoints; off: there is none. */
export const MODES = ['full', 'slow', 'off'] as const
export type Mode = typeof MODES[number]

const NAMESPACE = 'failover-bench'
const NAME = 'bench'
const PORTS = { masterNodePort: 30989, nodePort: 30988, sentinelNodePort: 30987 }
/** The control plane of the local cluster serves NodePorts as well, and is no node that a run takes away. */
const LOCAL_HOST = '10.89.0.2'

export async function prepare (mode: Mode): Promise<{ target: Target, stop: () => Promise<void> }> {
  const where = await cluster(process.env['DEMO_KUBECONFIG'], process.env['DEMO_NODE_ADDRESS'])
  const { stop } = await install(where, metacontrollerBinary(process.env))
  await createRedis(where)
  await setMode(where, mode === 'off' ? 'full' : mode)
  const probe = { start: () => setMode(where, 'full'), stop: () => setMode(where, 'off') }
  return {
    target: { ...targetIn(where), ...(mode === 'off' && { probe }) },
    stop: async () => {
      await setMode(where, 'full')
      await kubectl(where, 'delete', 'namespace', NAMESPACE, '--wait=false')
      await stop()
    },
  }
}

async function createRedis (where: Cluster): Promise<void> {
  await kubectl(where, 'delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=180s')
  await kubectl(where, 'create', 'namespace', NAMESPACE)
  const manifest = { apiVersion: 'cache.iguochan.io/v1', kind: 'RedisSentinel', metadata: { name: NAME, namespace: NAMESPACE }, spec: PORTS }
  const started = performance.now()
  await execa('kubectl', ['apply', '-f', '-'], { env: where.environment, input: stringify(manifest) })
  await kubectl(where, '-n', NAMESPACE, 'wait', '--for=condition=Ready', '--timeout=240s', `redissentinel/${NAME}`)
  say(`RedisSentinel ${NAMESPACE}/${NAME} is ready, ${((performance.now() - started) / 1000).toFixed(1)} s after it was applied`)
}

async function setMode (where: Cluster, mode: Mode): Promise<void> {
  const probe = ['-n', 'redis-operator', 'deployment/sentinel-probe']
  await kubectl(where, 'set', 'env', ...probe, `FAST_PATH=${mode === 'slow' ? 'off' : 'on'}`)
  await kubectl(where, 'scale', ...probe, `--replicas=${mode === 'off' ? 0 : 2}`)
  await kubectl(where, 'rollout', 'status', ...probe, '--timeout=120s')
}

function targetIn (where: Cluster): Target {
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
    password: undefined,
    parent: `redissentinel/${NAME}`,
  }
}
