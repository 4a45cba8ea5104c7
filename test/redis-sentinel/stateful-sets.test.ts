/** Of src/redis-sentinel/stateful-sets.ts, config-maps.ts and identity.ts. */
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import t from 'tap'
import { RedisSentinelSpec } from '../../src/api/redis-sentinel.ts'
import { ROLE_LABEL } from '../../src/metadata/labels.ts'
import { SETTINGS_ANNOTATION } from '../../src/redis/pod.ts'
import { configMaps } from '../../src/redis-sentinel/config-maps.ts'
import { identity } from '../../src/redis-sentinel/identity.ts'
import { redisStatefulSet, sentinelStatefulSet } from '../../src/redis-sentinel/stateful-sets.ts'
import { CLAIM, redisSentinel } from '../fixtures.ts'
import { checkSecurity } from '../redis/security.ts'

const EXPORTER = { exporter: { enable: true } }
const specOf = (fields: object) => RedisSentinelSpec.parse(redisSentinel(fields).spec)
const both = (fields: object = {}): [StatefulSet, StatefulSet] =>
  [redisStatefulSet(redisSentinel(fields), specOf(fields)), sentinelStatefulSet(redisSentinel(fields), specOf(fields))]
const members = { redis: ['10.0.0.1', '10.0.0.2', '10.0.0.3'], sentinels: ['10.0.1.1', '10.0.1.2', '10.0.1.3'], lastMaster: undefined }
const configs = (fields: object = {}) => configMaps(redisSentinel(fields), specOf(fields), members)

t.test('the wanted numbers of pods, all started at once, and what the API server would fill in explicit', async (t) => {
  for (const [i, statefulSet] of both({ redisReplicas: 4, sentinelReplicas: 5 }).entries()) {
    t.match(statefulSet.spec, {
      replicas: i === 0 ? 4 : 5,
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
    })
  }
})

t.test('selectors are stable for ever and match their templates', async (t) => {
  for (const [i, { metadata, spec }] of both().entries()) {
    const component = i === 0 ? 'redis' : 'sentinel'
    t.strictSame(spec?.selector, { matchLabels: { app: 'redis-sentinel', component, name: 'demo' } })
    t.match(spec?.template.metadata?.labels, spec?.selector.matchLabels)
    t.equal(spec?.serviceName, `demo-${component}-headless`)
    t.match(metadata, { name: `demo-${component}`, labels: { ...identity(redisSentinel(), component) } })
  }
})

t.test('no template has a role: the probe alone writes it', async (t) => {
  for (const { spec } of both(EXPORTER)) t.notOk(ROLE_LABEL in (spec?.template.metadata?.labels ?? {}))
  t.notMatch(JSON.stringify(both(EXPORTER)), new RegExp(ROLE_LABEL))
})

t.test('no template has an address or a secret: a repaired address restarts nobody', async (t) => {
  t.notMatch(JSON.stringify(both(EXPORTER)), /10\.0\.[01]\.\d/)
  t.notMatch(JSON.stringify([...both(EXPORTER), ...configs()].map(({ metadata, ...rest }) => ('data' in rest ? Object.keys(rest.data ?? {}).filter((name) => name !== 'passwords.sh') : rest))), /secret|password|requirepass/i)
})

t.test('nothing may be root or write outside of its volume, but for the container that owns the folder', async (t) => {
  for (const { spec } of [...both(EXPORTER), ...both({ ...CLAIM, ...EXPORTER })]) checkSecurity(t, spec?.template.spec ?? { containers: [] })
})

t.test('each pod has a volume: a folder of its node, or a claim of the given size', async (t) => {
  for (const { spec } of both()) {
    t.strictSame(spec?.volumeClaimTemplates, [])
    t.match(spec?.template.spec?.volumes, [{}, { hostPath: { path: '/data', type: 'DirectoryOrCreate' } }])
    t.match(spec?.template.spec?.containers[0]?.volumeMounts, [{}, { subPathExpr: '$(POD_NAMESPACE)/$(POD_NAME)' }])
  }
  const sizes = both({ storage: { size: '2048Mi', storageClassName: 'fast' } }).map(({ spec }) => spec?.volumeClaimTemplates?.[0]?.spec)
  t.match(sizes, [
    { storageClassName: 'fast', resources: { requests: { storage: '2Gi' } } }, { storageClassName: 'fast', resources: { requests: { storage: '128Mi' } } },
  ])
})

t.test('images and the exporter go where they belong', async (t) => {
  const images = both({ image: 'redis:a', sentinelImage: 'redis:b', exporter: { enable: true, image: 'exporter:c' } })
    .map(({ spec }) => spec?.template.spec?.containers.map(({ image }) => image))
  t.strictSame(images, [['redis:a', 'exporter:c'], ['redis:b']])
  t.equal(both({ exporter: { enable: false } })[0].spec?.template.spec?.containers.length, 1)
})

t.test('every script that a container runs is in its ConfigMap', async (t) => {
  for (const [i, { spec }] of both().entries()) {
    const data = configs()[i]?.data ?? {}
    const run = JSON.stringify(spec?.template.spec?.containers).match(/\/config\/[\w.-]+\.sh/g) ?? []
    t.ok(run.length >= 3)
    for (const path of run) t.ok(path.slice('/config/'.length) in data, path)
    t.ok('cluster.sh' in data && 'cluster.env' in data)
    t.equal(spec?.template.spec?.volumes?.[0]?.configMap?.name, configs()[i]?.metadata?.name)
  }
})

t.test('both ConfigMaps hold the same members, and each the configuration of its own pods', async (t) => {
  const [redis, sentinel] = configs()
  t.equal(redis?.data?.['cluster.env'], sentinel?.data?.['cluster.env'])
  t.strictSame([redis, sentinel].map((one) => Object.keys(one?.data ?? {}).filter((name) => name.endsWith('.conf'))), [['redis.conf', 'live.conf'], ['sentinel.conf']])
  t.notOk(Object.keys(redis?.data ?? {}).some((name) => name.startsWith('sentinel-')))
})

t.test('liveness asks the process itself, readiness its role, and leaving is handed over', async (t) => {
  for (const [component, { spec }] of [['redis', both()[0]], ['sentinel', both()[1]]] as const) {
    const container = spec?.template.spec?.containers[0]
    t.strictSame(container?.startupProbe?.exec?.command, ['sh', `/config/${component}-alive.sh`])
    t.strictSame(container?.livenessProbe?.exec?.command, ['sh', `/config/${component}-alive.sh`])
    t.strictSame(container?.readinessProbe?.exec?.command, ['sh', `/config/${component}-ready.sh`])
    t.strictSame(container?.lifecycle?.preStop?.exec?.command, component === 'redis' ? ['sh', '/config/redis-prestop.sh'] : undefined)
  }
})

t.test('pods of one component keep to different nodes where possible', async (t) => {
  for (const { spec } of both()) {
    t.match(spec?.template.spec?.affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution, [
      { podAffinityTerm: { labelSelector: spec?.selector, topologyKey: 'kubernetes.io/hostname' } },
    ])
  }
})

t.test('a pod restarts for a setting that its process reads at its start, and for no other', async (t) => {
  const settings = (fields: object) => both(fields).map(({ spec }) => spec?.template.metadata?.annotations?.[SETTINGS_ANNOTATION])
  const changed = (fields: object) => settings(fields).map((value, i) => value !== settings({})[i])
  t.strictSame(changed({ downAfterMilliseconds: 9000 }), [false, true])
  t.strictSame(changed({ failoverTimeout: 9000 }), [false, true])
  t.strictSame(changed({ quorum: 3 }), [false, true])
  t.strictSame(changed({ quorum: 2 }), [false, false], 'the majority that it was')
  t.strictSame(changed({ redisReplicas: 2 }), [true, false], 'min-replicas-to-write')
  t.strictSame(changed({ redisReplicas: 5 }), [false, false])
  t.strictSame(changed({ nodePort: 31234 }), [false, false])
})

t.test('a password is mounted from the Secret that is named, and no value of it is anywhere; the exporter has one of its own', async (t) => {
  const fields = { ...CLAIM, ...EXPORTER, auth: { secretName: 'cache-password' } }
  const [redis, sentinel] = both(fields).map(({ spec }) => spec?.template.spec)
  const volume = { name: 'auth', secret: { secretName: 'cache-password', optional: true, defaultMode: 0o440 } }
  t.match(redis?.volumes, [{ name: 'config' }, volume, { name: 'exporter', emptyDir: { medium: 'Memory' } }])
  t.match(sentinel?.volumes, [{ name: 'config' }, volume])
  t.equal(sentinel?.volumes?.length, 2)
  t.match(redis?.containers[0]?.volumeMounts?.slice(2), [{ mountPath: '/auth', readOnly: true }, { mountPath: '/exporter' }])
  t.match(sentinel?.containers[0]?.volumeMounts?.slice(2), [{ mountPath: '/auth', readOnly: true }])
  t.strictSame(redis?.containers[1]?.volumeMounts, [{ name: 'exporter', mountPath: '/exporter', readOnly: true }], 'the Secret is not for it')
  t.match(redis?.initContainers?.map(({ name }) => name), ['exporter-password'])
  for (const spec of [redis, sentinel]) {
    checkSecurity(t, spec ?? { containers: [] })
    t.notMatch(JSON.stringify(spec), /valueFrom":\{"secretKeyRef|REDIS_PASSWORD"/)
  }
  t.strictSame(both({ ...CLAIM, auth: { secretName: 'x' } })[0].spec?.template.spec?.initContainers, [], 'without an exporter there is nobody to have one')
})

t.test('TLS is mounted everywhere, and the exporter speaks it within its pod', async (t) => {
  const fields = { ...CLAIM, ...EXPORTER, auth: { secretName: 'a' }, tls: { secretName: 'cache-tls' } }
  const [redis, sentinel] = both(fields).map(({ spec }) => spec?.template.spec)
  for (const spec of [redis, sentinel]) {
    t.match(spec?.volumes?.find(({ name }) => name === 'tls'), { secret: { secretName: 'cache-tls', defaultMode: 0o440, optional: undefined } })
    t.ok(spec?.containers[0]?.volumeMounts?.some(({ mountPath, readOnly }) => mountPath === '/tls' && readOnly))
    checkSecurity(t, spec ?? { containers: [] })
  }
  const exporter = redis?.containers[1]
  t.match(exporter?.env?.find(({ name }) => name === 'REDIS_ADDR'), { value: 'rediss://127.0.0.1:6379' })
  t.match(redis?.initContainers?.[0]?.command?.[2], /"rediss:\/\/127\.0\.0\.1:6379"/, 'its password is for the same address')
  t.strictSame(exporter?.volumeMounts?.map(({ mountPath }) => mountPath), ['/exporter', '/tls'])
  const [redisConfig, sentinelConfig] = configs(fields)
  t.match(redisConfig?.data, { 'redis.conf': /^port 0\ntls-port 6379\n/, 'cluster.env': /REDIS_CLI_FLAGS='--tls --cacert \/tls\/ca\.crt'/ })
  t.match(sentinelConfig?.data, { 'sentinel.conf': /^port 0\ntls-port 26379\n/ })
})
