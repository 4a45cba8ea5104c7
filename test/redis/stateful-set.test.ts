/** Of src/redis/stateful-set.ts, pod.ts, security.ts, volumes.ts and exporter.ts. */
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { PodSpec } from 'kubernetes-types/core/v1.js'
import t from 'tap'
import { RedisSpec } from '../../src/api/redis.ts'
import { resourceRequirements } from '../../src/redis/exporter.ts'
import { keepImmutable, SETTINGS_ANNOTATION } from '../../src/redis/pod.ts'
import { redisStatefulSet } from '../../src/redis/stateful-set.ts'
import { redisIdentity } from '../../src/redis/sync.ts'
import { CLAIM, redis, type Resource } from '../fixtures.ts'
import { checkSecurity } from './security.ts'

function statefulSet (parent: Resource = redis()): StatefulSet {
  return redisStatefulSet(parent, RedisSpec.parse(parent.spec), redisIdentity(parent))
}
const podSpec = (parent?: Resource): PodSpec => statefulSet(parent).spec?.template.spec ?? { containers: [] }

t.test('one pod, and what the API server would fill in is explicit', async (t) => {
  t.match(statefulSet().spec, {
    replicas: 1,
    serviceName: 'demo-headless',
    podManagementPolicy: 'Parallel',
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
  })
})

t.test('the selector is stable for ever and matches the template', async (t) => {
  const { spec } = statefulSet()
  t.strictSame(spec?.selector, { matchLabels: { app: 'redis', component: 'redis', name: 'demo' } })
  t.match(spec?.template.metadata?.labels, spec?.selector.matchLabels)
})

t.test('a folder of the node is mounted by namespace and pod, with nothing claimed', async (t) => {
  t.strictSame(statefulSet().spec?.volumeClaimTemplates, [])
  t.strictSame(podSpec().volumes?.[1], { name: 'data', hostPath: { path: '/data', type: 'DirectoryOrCreate' } })
  t.strictSame(podSpec().containers[0]?.volumeMounts?.[1], { name: 'data', mountPath: '/data', subPathExpr: '$(POD_NAMESPACE)/$(POD_NAME)' })
  t.strictSame(podSpec().initContainers?.map(({ name }) => name), ['own-data'])
})

t.test('without a folder each pod claims a volume of the given size and class', async (t) => {
  const parent = redis({ storage: { size: '1024Mi', storageClassName: 'fast' } })
  t.match(statefulSet(parent).spec?.volumeClaimTemplates, [{
    metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: 'fast', volumeMode: 'Filesystem' },
  }])
  t.strictSame(podSpec(parent).volumes?.map(({ name }) => name), ['config'])
  t.strictSame(podSpec(parent).initContainers, [])
  t.notOk('storageClassName' in (statefulSet(redis(CLAIM)).spec?.volumeClaimTemplates?.[0]?.spec ?? {}), 'the default class is the cluster\'s to choose')
})

t.test('a folder of the node is handed to the user that the pods run as', async (t) => {
  const command = (securityContext: object) => podSpec(redis({ pod: { securityContext } })).initContainers?.[0]?.command?.[2]
  t.match(command({}), '! -user 999 -exec chown 999:999')
  t.match(command({ runAsUser: 1001, runAsGroup: 2000 }), '! -user 1001 -exec chown 1001:2000')
})

t.test('what is named with an empty string is not set', async (t) => {
  const spec = podSpec(redis({ pod: { priorityClassName: '', serviceAccountName: '', imagePullSecrets: [{ name: '' }] } }))
  t.strictSame([spec.priorityClassName, spec.serviceAccountName, spec.imagePullSecrets], [undefined, undefined, []])
})

t.test('a service account that is taken out is replaced by the default one, and one that never was is not', async (t) => {
  const withAccount = (parent: Resource, before?: StatefulSet) => keepImmutable(statefulSet(parent), before).spec?.template.spec?.serviceAccountName
  const named = redis({ pod: { serviceAccountName: 'cache' } })
  t.equal(withAccount(named, statefulSet()), 'cache')
  t.equal(withAccount(redis(), statefulSet(named)), 'default')
  t.equal(withAccount(redis(), statefulSet()), undefined)
})

t.test('pods are made and placed as the user says', async (t) => {
  const placed = {
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } },
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
    tolerations: [{ key: 'cache', operator: 'Exists' }],
    nodeSelector: { disk: 'fast' },
    priorityClassName: 'high',
    serviceAccountName: 'cache',
    imagePullSecrets: [{ name: 'registry' }],
  }
  const pod = {
    ...placed, imagePullPolicy: 'Always', labels: { team: 'a' }, annotations: { 'a/b': 'c' }, securityContext: { fsGroup: 1000 }, resources: { limits: { memory: '1024Mi' } },
  }
  const spec = podSpec(redis({ pod, exporter: { enable: true } }))
  t.match(spec, placed)
  t.match(spec.securityContext, { fsGroup: 1000, runAsUser: 999, runAsNonRoot: true }, 'the rest is the operator\'s')
  t.ok([...spec.containers, ...spec.initContainers ?? []].every(({ imagePullPolicy }) => imagePullPolicy === 'Always'))
  t.strictSame(spec.containers[0]?.resources, { limits: { memory: '1Gi' } })
  const { labels, annotations } = statefulSet(redis({ pod })).spec?.template.metadata ?? {}
  t.match(labels, { team: 'a', app: 'redis', name: 'demo' })
  t.match(annotations, { 'a/b': 'c', [SETTINGS_ANNOTATION]: /^\w{16}$/ })
})

t.test('unless the user says otherwise pods keep apart, by node and by zone', async (t) => {
  const terms = podSpec().affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  t.strictSame(terms.map(({ weight, podAffinityTerm }) => [weight, podAffinityTerm.topologyKey]), [[100, 'kubernetes.io/hostname'], [50, 'topology.kubernetes.io/zone']])
})

t.test('a directive of redis.conf is in the hash that restarts the pod', async (t) => {
  const hash = (fields: object) => statefulSet(redis(fields)).spec?.template.metadata?.annotations?.[SETTINGS_ANNOTATION]
  t.not(hash({ config: { maxmemory: '1gb' } }), hash({}))
})

t.test('nothing may be root or write outside of its volume, but for the container that owns the folder', async (t) => {
  checkSecurity(t, podSpec())
  checkSecurity(t, podSpec(redis(CLAIM)))
})

t.test('the exporter has the given image, port and canonical resources', async (t) => {
  const resources = { limits: { cpu: '1000m', memory: '1024Mi' }, requests: { cpu: 0.5 } }
  const [, exporter] = podSpec(redis({ exporter: { enable: true, image: 'exporter:1', port: 9200, resources: { ...resources, requests: { cpu: '0.5' } } } })).containers
  t.match(exporter, {
    name: 'exporter',
    image: 'exporter:1',
    ports: [{ name: 'metrics', containerPort: 9200 }],
    env: [{ name: 'REDIS_ADDR', value: 'redis://127.0.0.1:6379' }, { name: 'REDIS_EXPORTER_WEB_LISTEN_ADDRESS', value: ':9200' }],
    resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } },
  })
  t.strictSame(resourceRequirements({}), {})
})

t.test('being alive is any answer, being ready is PONG', async (t) => {
  const [container] = podSpec().containers
  const commands = [container?.startupProbe, container?.livenessProbe, container?.readinessProbe].map((probe) => probe?.exec?.command?.[2] ?? '')
  t.notMatch(commands[0], /PONG/)
  t.notMatch(commands[1], /PONG/)
  t.match(commands[2], /= PONG/)
  t.ok(commands.every((command) => command.includes('timeout ')), 'none can hang')
})

t.test('the pod has no access to the API server', async (t) => {
  t.match(podSpec(), { automountServiceAccountToken: false, enableServiceLinks: false })
})

t.test('only a setting that redis reads at its start restarts it', async (t) => {
  const settings = (parent: Resource) => statefulSet(parent).spec?.template.metadata?.annotations?.[SETTINGS_ANNOTATION]
  t.match(settings(redis()), /^[0-9a-f]{16}$/)
  t.equal(settings(redis({ nodePort: 31234 })), settings(redis()))
})

t.test('without an observed StatefulSet nothing is kept', async (t) => {
  const desired = statefulSet()
  t.equal(keepImmutable(desired, undefined), desired)
  t.equal(keepImmutable(desired, { metadata: { name: 'demo-redis' } }), desired)
})

t.test('claims are kept unless the user asks for something else', async (t) => {
  const policy = (storage: object) => redisStatefulSet(redis({ storage }), RedisSpec.parse(redis({ storage }).spec), redisIdentity(redis())).spec
  t.strictSame(policy({ size: '1Gi' })?.persistentVolumeClaimRetentionPolicy, { whenDeleted: 'Retain', whenScaled: 'Retain' })
  const asked = policy({ size: '1Gi', accessModes: ['ReadWriteOncePod'], retention: { whenDeleted: 'Delete' } })
  t.strictSame(asked?.persistentVolumeClaimRetentionPolicy, { whenDeleted: 'Delete', whenScaled: 'Retain' })
  t.strictSame(asked?.volumeClaimTemplates?.[0]?.spec?.accessModes, ['ReadWriteOncePod'])
})
