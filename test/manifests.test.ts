/** What the cluster runs and what Metacontroller reads, against the code that serves it. */
import type { Deployment } from 'kubernetes-types/apps/v1.js'
import type { Service } from 'kubernetes-types/core/v1.js'
import t from 'tap'
import { parse } from 'yaml'
import { API_VERSION, REDIS, REDIS_SENTINEL } from '../src/api/group.ts'
import { redisSentinelProblems, RedisSentinelSpec } from '../src/api/redis-sentinel.ts'
import { RedisSpec } from '../src/api/redis.ts'
import { KINDS, REVISION } from '../src/hook/kinds.ts'
import { KIND_NAMES, redis, redisSentinel, settled, text } from './fixtures.ts'

interface Hook { version: string, webhook: { service: { name: string, namespace: string, port: number }, path: string, timeout: string } }
interface CompositeController {
  apiVersion: string
  kind: string
  metadata: { name: string }
  spec: {
    generateSelector: boolean
    resyncPeriodSeconds: number
    parentResource: { apiVersion: string, resource: string, ignoreStatusChanges: boolean }
    childResources: { apiVersion: string, resource: string, updateStrategy: { method: string } }[]
    hooks: Record<string, Hook>
  }
}

const read = <T>(path: string) => parse(text(path)) as T
const deployments = { operator: read<Deployment>('manifests/operator/deployment.yaml'), probe: read<Deployment>('manifests/probe/deployment.yaml') }
const PLURALS: Record<string, string> = { ConfigMap: 'configmaps', Service: 'services', StatefulSet: 'statefulsets', PodDisruptionBudget: 'poddisruptionbudgets', NetworkPolicy: 'networkpolicies', Role: 'roles', RoleBinding: 'rolebindings' }

t.test('the samples are valid, and have the group, version and kind of the CRDs', async (t) => {
  const sample = (name: string) => read<{ apiVersion: string, kind: string, spec: object }>(`manifests/samples/${name}.yaml`)
  t.match(sample('redis'), { apiVersion: API_VERSION, kind: REDIS.kind })
  t.match(sample('redis-sentinel'), { apiVersion: API_VERSION, kind: REDIS_SENTINEL.kind })
  t.ok(RedisSpec.safeParse(sample('redis').spec).success)
  for (const name of ['redis-sentinel', 'shaped', 'secured']) t.strictSame(redisSentinelProblems(RedisSentinelSpec.parse(sample(name).spec)), [])
})

for (const name of KIND_NAMES) {
  const { apiVersion, kind, metadata, spec } = read<CompositeController>(`metacontroller/${name}.yaml`)

  t.test(`${name}: one CompositeController with a name for ever`, async (t) => {
    t.strictSame([apiVersion, kind, metadata.name], ['metacontroller.k8s.io/v1alpha1', 'CompositeController', `redis-operator-${name}`])
    t.strictSame(spec.parentResource, { apiVersion: API_VERSION, resource: (name === 'redis' ? REDIS : REDIS_SENTINEL).plural, ignoreStatusChanges: true })
    t.match(spec, { generateSelector: true, resyncPeriodSeconds: 120 })
  })

  t.test(`${name}: what sync may answer is declared, and updated in place`, async (t) => {
    const fields = { exporter: { enable: true }, auth: { secretName: 'password' }, networkPolicy: {}, binding: { enable: true } }
    const full = name === 'redis' ? redis(fields) : redisSentinel(fields)
    const answered = new Set(settled(name, full).response.children.map((child) => `${child.apiVersion} ${PLURALS[child.kind ?? '']}`))
    const declared = spec.childResources.map((child) => `${child.apiVersion} ${child.resource}`)
    for (const one of answered) t.ok(declared.includes(one), one)
    if (name === 'redis-sentinel') t.strictSame([...answered].sort(), [...declared].sort(), 'and nothing else')
    t.ok(spec.childResources.every(({ updateStrategy }) => updateStrategy.method === 'InPlace'))
    t.notOk(declared.some((one) => /pods|persistentvolumeclaims|secrets/.test(one)), 'those would be adopted and deleted')
  })

  t.test(`${name}: sync and customize, hook version v2, at the paths that the webhook serves`, async (t) => {
    t.strictSame(Object.keys(spec.hooks).sort(), ['customize', 'sync'], 'a finalize hook would hold CRs back while the webhook is away')
    for (const [hook, { version, webhook }] of Object.entries(spec.hooks)) {
      t.equal(version, 'v2')
      t.equal(webhook.path, `/${REVISION}/${name}/${hook}`)
      t.match(webhook.timeout, /^\d+s$/)
      const { metadata: service, spec: ports } = read<Service>('manifests/operator/service.yaml')
      t.match(webhook.service, { name: service?.name, namespace: read<{ namespace: string }>('manifests/operator/kustomization.yaml').namespace })
      t.equal(webhook.service.port, ports?.ports?.[0]?.port)
    }
  })
}

t.test('the CompositeControllers are the kinds that the webhook serves', async (t) => {
  t.strictSame(read<{ resources: string[] }>('metacontroller/kustomization.yaml').resources, Object.keys(KINDS).map((name) => `${name}.yaml`))
})

for (const [process, deployment] of Object.entries(deployments)) {
  const pod = deployment.spec?.template.spec
  const [container] = pod?.containers ?? []

  t.test(`${process}: the command, ports and environment of its process`, async (t) => {
    t.strictSame(container?.command, ['node', `dist/${process}/main.js`])
    const env = new Map(container?.env?.map(({ name, value }) => [name, value]))
    const port = (name: string) => String(container?.ports?.find((one) => one.name === name)?.containerPort)
    t.equal(env.get('METRICS_PORT'), port('metrics'))
    if (process === 'operator') t.equal(env.get('PORT'), port('http'))
    for (const name of process === 'operator' ? ['PORT', 'METRICS_PORT', 'LOG_LEVEL'] : ['METRICS_PORT', 'WATCH_NAMESPACE', 'LOG_LEVEL']) t.ok(env.has(name), name)
    t.equal(deployment.spec?.replicas, 2)
  })

  t.test(`${process}: the Pod Security Standard "restricted" and a read-only file system`, async (t) => {
    t.match(pod?.securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
    t.strictSame(container?.securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } })
    t.notOk(pod?.hostNetwork ?? pod?.volumes)
    t.ok(container?.resources?.requests && container.resources.limits?.['memory'])
    t.notOk(container?.resources?.limits?.['cpu'], 'a throttled process answers late')
  })

  t.test(`${process}: selectors match its pods`, async (t) => {
    const labels = deployment.spec?.template.metadata?.labels
    t.strictSame(deployment.spec?.selector.matchLabels, labels)
    const budget = read<{ spec: { maxUnavailable: number, selector: { matchLabels: object } } }>(`manifests/${process}/pod-disruption-budget.yaml`)
    t.strictSame(budget.spec, { maxUnavailable: 1, selector: { matchLabels: labels } })
    if (process === 'operator') t.strictSame(read<Service>('manifests/operator/service.yaml').spec?.selector, labels)
  })
}

t.test('two versions of the webhook never answer at the same time, and it has no access to the API server', async (t) => {
  t.strictSame(deployments.operator.spec?.strategy, { type: 'Recreate' })
  t.equal(deployments.operator.spec?.template.spec?.automountServiceAccountToken, false)
})

t.test('both processes are of one image', async (t) => {
  const images = Object.values(deployments).map(({ spec }) => spec?.template.spec?.containers[0]?.image)
  t.equal(images[0], images[1])
  t.equal(images[0], `redis-operator:${(JSON.parse(text('package.json')) as { version: string }).version}`)
})
