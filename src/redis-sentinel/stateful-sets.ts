/** The two StatefulSets. Their templates hold no address, so that a new or repaired one restarts nobody. */
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { Container, Probe } from 'kubernetes-types/core/v1.js'
import { directives } from '../api/config.ts'
import type { PodSettings } from '../api/pod.ts'
import { quorumOf, type RedisSentinelSpec } from '../api/redis-sentinel.ts'
import type { Parent } from '../metadata/children.ts'
import { commonLabels, type Component, selectorLabels } from '../metadata/labels.ts'
import { hash, redisSentinelNames } from '../metadata/names.ts'
import { exporterContainers, REDIS_PORT } from '../redis/exporter.ts'
import { podTemplate, resourcesOf } from '../redis/pod.ts'
import { containerSecurityContext } from '../redis/security.ts'
import { CONFIG_DIR, configMount, dataMount, initContainers, type Mounted, podEnv, retention, secretMounts, volumeClaims, volumes } from '../redis/volumes.ts'
import { redisConfOf, sentinelConfOf } from './config-maps.ts'
import { identity } from './identity.ts'
import { SENTINEL_PORT } from './services.ts'

/** A sentinel keeps a few kilobytes: who it is and whom it knows. */
const SENTINEL_VOLUME = '128Mi'

export function redisStatefulSet (parent: Parent, spec: RedisSentinelSpec): StatefulSet {
  return statefulSet(parent, spec, {
    component: 'redis',
    replicas: spec.redisReplicas,
    image: spec.image,
    mounted: spec,
    settings: redisConfOf({ ...spec, config: directives(spec.config, 'start') }),
    pod: spec.redisPod,
    size: spec.storage.size,
    containers: [redisContainer(spec), ...exporterContainers(spec)],
  })
}

export function sentinelStatefulSet (parent: Parent, spec: RedisSentinelSpec): StatefulSet {
  return statefulSet(parent, spec, {
    component: 'sentinel',
    replicas: spec.sentinelReplicas,
    image: spec.sentinelImage,
    mounted: { ...spec, exporter: undefined },
    // what sentinel-start.sh writes into the sentinel's own file at each start
    pod: spec.sentinelPod,
    settings: [sentinelConfOf(spec), quorumOf(spec), spec.downAfterMilliseconds, spec.failoverTimeout].join('\n'),
    size: SENTINEL_VOLUME,
    containers: [sentinelContainer(spec)],
  })
}

interface Part {
  readonly component: Component
  readonly replicas: number
  readonly image: string
  readonly mounted: Mounted
  readonly settings: string
  readonly pod: PodSettings | undefined
  readonly size: string
  readonly containers: Container[]
}

function statefulSet (parent: Parent, spec: RedisSentinelSpec, part: Part): StatefulSet {
  const { name, namespace } = parent.metadata
  const names = redisSentinelNames(name)[part.component]
  const of = identity(parent, part.component)
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: names.statefulSet, namespace, labels: commonLabels(of) },
    spec: {
      serviceName: names.headless,
      replicas: part.replicas,
      // the next pod goes when renew_early_links (cluster.sh) is through with this one
      minReadySeconds: 4,
      // all of them at once: a pod that waits for the others must not keep them from starting
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      persistentVolumeClaimRetentionPolicy: retention(spec.storage),
      selector: { matchLabels: selectorLabels(of) },
      template: podTemplate({
        identity: of,
        settings: hash('sha256', part.settings).slice(0, 16),
        initContainers: initContainers(part.mounted, part.image, part.pod),
        containers: part.containers,
        volumes: volumes(part.mounted, names.config),
        pod: part.pod,
      }),
      volumeClaimTemplates: volumeClaims(spec.storage, part.size),
    },
  }
}

function redisContainer (spec: RedisSentinelSpec): Container {
  return {
    name: 'redis',
    image: spec.image,
    command: script('redis-start.sh'),
    env: podEnv(),
    ports: [{ name: 'redis', containerPort: REDIS_PORT, protocol: 'TCP' }],
    volumeMounts: [configMount(), dataMount(spec.storage), ...secretMounts(spec)],
    securityContext: containerSecurityContext(),
    resources: resourcesOf(spec.redisPod, { cpu: '100m', memory: '64Mi' }),
    lifecycle: { preStop: { exec: { command: script('redis-prestop.sh') } } },
    ...probes('redis'),
  }
}

function sentinelContainer (spec: RedisSentinelSpec): Container {
  return {
    name: 'sentinel',
    image: spec.sentinelImage,
    command: script('sentinel-start.sh'),
    env: podEnv(),
    ports: [{ name: 'sentinel', containerPort: SENTINEL_PORT, protocol: 'TCP' }],
    volumeMounts: [configMount(), dataMount(spec.storage), ...secretMounts({ auth: spec.auth, tls: spec.tls })],
    securityContext: containerSecurityContext(),
    // a request and no limit: a throttled sentinel finds healthy nodes down and goes into TILT (sentinel.md 12)
    resources: resourcesOf(spec.sentinelPod, { cpu: '50m', memory: '32Mi' }),
    ...probes('sentinel'),
  }
}

/**
 * Liveness never depends on other pods; readiness means that it serves its role (design 4.6). A start that
 * waits for other pods is alive and not ready: killing it would only add the kubelet's back-off.
 */
function probes (component: Component): Pick<Container, 'startupProbe' | 'livenessProbe' | 'readinessProbe'> {
  const exec = (name: string, rest: Probe): Probe => ({ exec: { command: script(`${component}-${name}.sh`) }, ...rest })
  return {
    startupProbe: exec('alive', { periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 600 }),
    livenessProbe: exec('alive', { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 }),
    readinessProbe: exec('ready', { periodSeconds: 3, timeoutSeconds: 3, failureThreshold: 2 }),
  }
}

function script (name: string): string[] {
  return ['sh', `${CONFIG_DIR}/${name}`]
}
