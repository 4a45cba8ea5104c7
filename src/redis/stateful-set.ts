/** The StatefulSet of a Redis: one pod. */
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { Container } from 'kubernetes-types/core/v1.js'
import type { RedisSpec } from '../api/redis.ts'
import type { Parent } from '../metadata/children.ts'
import { commonLabels, type Identity, selectorLabels } from '../metadata/labels.ts'
import { hash, redisNames } from '../metadata/names.ts'
import { exporterContainers, REDIS_PORT } from './exporter.ts'
import { needsScripts, standaloneConf } from './config-map.ts'
import { podTemplate, resourcesOf } from './pod.ts'
import { containerSecurityContext } from './security.ts'
import { CONFIG_DIR, configMount, dataMount, initContainers, podEnv, retention, secretMounts, volumeClaims, volumes } from './volumes.ts'

export function redisStatefulSet (parent: Parent, spec: RedisSpec, identity: Identity): StatefulSet {
  const { name, namespace } = parent.metadata
  const names = redisNames(name)
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: names.statefulSet, namespace, labels: commonLabels(identity) },
    spec: {
      serviceName: names.headless,
      replicas: 1,
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      persistentVolumeClaimRetentionPolicy: retention(spec.storage),
      selector: { matchLabels: selectorLabels(identity) },
      template: podTemplate({
        identity,
        settings: hash('sha256', standaloneConf(spec)).slice(0, 16),
        initContainers: initContainers(spec, spec.image, spec.pod),
        containers: [redisContainer(spec), ...exporterContainers(spec)],
        volumes: volumes(spec, names.config),
        pod: spec.pod,
      }),
      volumeClaimTemplates: volumeClaims(spec.storage, spec.storage.size),
    },
  }
}

function redisContainer (spec: RedisSpec): Container {
  const commands = needsScripts(spec) ? WITH_SCRIPTS : WITHOUT
  return {
    name: 'redis',
    image: spec.image,
    command: commands.start,
    env: podEnv(),
    ports: [{ name: 'redis', containerPort: REDIS_PORT, protocol: 'TCP' }],
    volumeMounts: [configMount(), dataMount(spec.storage), ...secretMounts(spec)],
    securityContext: containerSecurityContext(),
    resources: resourcesOf(spec.pod, { cpu: '100m', memory: '64Mi' }),
    // any answer is life: LOADING a large file is not a reason to be killed (design 4.6)
    startupProbe: { exec: { command: commands.alive }, periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 300 },
    livenessProbe: { exec: { command: commands.alive }, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    readinessProbe: { exec: { command: commands.ready }, periodSeconds: 3, timeoutSeconds: 3, failureThreshold: 2 },
  }
}

/** What the pod runs: its process, and the checks of the kubelet. */
interface Commands {
  readonly start: string[]
  readonly alive: string[]
  readonly ready: string[]
}

const WITHOUT: Commands = {
  start: ['redis-server', `${CONFIG_DIR}/redis.conf`],
  alive: ['sh', '-c', `timeout 3 redis-cli -p ${REDIS_PORT} PING`],
  ready: ['sh', '-c', `[ "$(timeout 2 redis-cli -p ${REDIS_PORT} PING)" = PONG ]`],
}

const standalone = (what: string) => ['sh', `${CONFIG_DIR}/standalone.sh`, what]
const WITH_SCRIPTS: Commands = { start: standalone('start'), alive: standalone('alive'), ready: standalone('ready') }
