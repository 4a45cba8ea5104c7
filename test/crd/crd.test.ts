/** Of src/crd/crd.ts with the two kinds of src/crd/kinds.ts. */
import { Ajv } from 'ajv'
import t from 'tap'
import { parse } from 'yaml'
import { z } from 'zod'
import type { CelRule } from '../../src/api/kubernetes.ts'
import { crd, structural } from '../../src/crd/crd.ts'
import { KINDS } from '../../src/crd/kinds.ts'
import { storageProblems } from '../api/problems.ts'
import { text } from '../fixtures.ts'

interface Node { type?: string, properties?: Record<string, Node>, items?: Node, additionalProperties?: Node, description?: string, [key: string]: unknown }
interface Document { spec: { names: object, versions: { schema: { openAPIV3Schema: Node }, additionalPrinterColumns: { jsonPath: string }[] }[] } }

/** Every node with its path, as Kubernetes walks a structural schema. */
function * nodes (node: Node, path = ''): Generator<[string, Node]> {
  yield [path, node]
  for (const [name, inner] of Object.entries(node.properties ?? {})) yield * nodes(inner, `${path}.${name}`)
  if (node.items) yield * nodes(node.items, `${path}[]`)
  if (node.additionalProperties) yield * nodes(node.additionalProperties, `${path}{}`)
}

const documents = KINDS.map((kind) => ({ kind, document: crd(kind) as unknown as Document }))
const schemaOf = (document: Document): Node => document.spec.versions[0]?.schema.openAPIV3Schema ?? {}

for (const { kind: { kind, spec, status }, document } of documents) {
  const schema = schemaOf(document)

  t.test(`${kind}: the schema is structural`, async (t) => {
    const FORBIDDEN = ['$ref', '$defs', 'definitions', 'patternProperties', 'dependencies', 'propertyNames', 'id', '$schema', 'uniqueItems', 'allOf', 'oneOf', 'const', 'deprecated']
    for (const [path, node] of nodes(schema)) {
      const anyType = node['x-kubernetes-int-or-string'] === true || node['x-kubernetes-preserve-unknown-fields'] === true
      t.notOk(FORBIDDEN.some((word) => word in node), `${path} holds no forbidden word`)
      t.ok(typeof node.type === 'string' || anyType, `${path} has a type`)
      t.notOk(node.properties && 'additionalProperties' in node, `${path} has properties or additionalProperties, not both`)
      if (node['x-kubernetes-int-or-string'] === true) t.strictSame(node['anyOf'], [{ type: 'integer' }, { type: 'string' }], 'the one form that is allowed')
      else t.notOk('anyOf' in node, path)
    }
  })

  t.test(`${kind}: every field below spec and status is described and bounded`, async (t) => {
    for (const top of ['spec', 'status']) {
      for (const [path, node] of nodes(schema.properties?.[top] ?? {}, top)) {
        if (!path.endsWith('[]') && !path.endsWith('{}')) t.ok((node.description ?? '').length > 5, `${path} has a description`)
        // CEL's cost is estimated from the bounds
        if (node.type === 'array') t.ok(node['maxItems'], `${path} has maxItems`)
        if (node.type === 'string') t.ok(node['maxLength'] ?? node['enum'], `${path} has maxLength`)
        if (node.type === 'integer') t.ok(Number.isInteger(node['minimum']) && Number.isInteger(node['maximum']), `${path} has bounds`)
      }
    }
  })

  t.test(`${kind}: a print column reads a field that exists`, async (t) => {
    const fields = new Set([...nodes(schema)].map(([path]) => path))
    for (const { jsonPath } of document.spec.versions[0]?.additionalPrinterColumns ?? []) {
      t.ok(fields.has(jsonPath) || jsonPath === '.metadata.creationTimestamp', jsonPath)
    }
  })

  t.test(`${kind}: the status that a user sees is declared`, async (t) => {
    t.match(Object.keys(schema.properties?.['status']?.properties ?? {}), ['phase', 'endpoint', 'binding', 'config', 'observedGeneration', 'conditions'])
    t.ok(status instanceof z.ZodObject)
    t.match(schema.properties?.['status']?.properties?.['conditions'], { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
  })

  const validate = new Ajv({ strict: false }).compile(structural(spec))
  const sample = (parse(text(`manifests/samples/${kind === 'Redis' ? 'redis' : 'redis-sentinel'}.yaml`)) as { spec: object }).spec
  const good: readonly object[] = [
    {}, sample, { storage: {} }, { storage: { size: '0.5Gi' } }, { storage: { hostPath: '/d', size: '1024' } }, { exporter: {} },
    { exporter: { resources: { limits: { cpu: 1, memory: '64Mi' }, requests: {} } } }, { nodePort: 30000 }, { nodePort: 32767 }, { unknown: { a: 1 } },
    { config: { maxmemory: '1gb' } }, { [kind === 'Redis' ? 'pod' : 'redisPod']: { affinity: { a: { b: [1] } }, tolerations: [{ key: 'x' }], labels: { a: 'b' } } },
  ]
  const quantities = [1.5, -1, 2 ** 51, 'x', '-1', '1e3', null, [], `${'1'.repeat(33)}`]
  const bad: readonly unknown[] = [
    null, [], 'x', { image: '' }, { image: 'a b' }, { image: 1 }, { nodePort: 29999 }, { nodePort: 31000.5 }, { nodePort: '31000' }, { nodePort: null },
    ...storageProblems.map(([, wrong]) => wrong),
    { exporter: { port: 0 } }, { exporter: { enable: 'yes' } }, { exporter: { resources: { limits: [] } } },
    { config: { maxmemory: 1 } }, { [kind === 'Redis' ? 'pod' : 'sentinelPod']: { tolerations: 'x' } }, { [kind === 'Redis' ? 'service' : 'masterService']: { type: 'ExternalName' } },
    ...quantities.map((cpu) => ({ exporter: { resources: { limits: { cpu } } } })),
  ]
  const badSentinel: readonly object[] = [
    { redisReplicas: 0 }, { redisReplicas: 8 }, { redisReplicas: 2.5 }, { sentinelReplicas: 2 }, { sentinelReplicas: 8 }, { masterName: '' }, { masterName: "'" },
    { quorum: 0 }, { quorum: 8 }, { downAfterMilliseconds: 499 }, { failoverTimeout: 999 }, { masterNodePort: 1 }, { sentinelNodePort: 1 },
  ]

  t.test(`${kind}: zod and the generated schema say the same of a spec`, async (t) => {
    for (const one of good) t.strictSame([spec.safeParse(one).success, validate(one)], [true, true], JSON.stringify(one))
    for (const one of [...bad, ...(kind === 'Redis' ? [] : badSentinel)]) {
      t.strictSame([spec.safeParse(one).success, validate(one)], [false, false], JSON.stringify(one))
    }
  })

  t.test(`${kind}: the API server fills in the defaults that zod fills in`, async (t) => {
    const fill = new Ajv({ strict: false, useDefaults: true }).compile(structural(spec))
    for (const one of [{}, { storage: {} }, { exporter: {} }]) {
      const filled = structuredClone(one)
      t.ok(fill(filled))
      t.strictSame(filled, spec.parse(one))
    }
  })

  t.test(`${kind}: a name that gives no Service a valid name is refused`, async (t) => {
    const [rule] = schema['x-kubernetes-validations'] as CelRule[]
    const pattern = new RegExp(/matches\('(.*)'\)/.exec(rule?.rule ?? '')?.[1] ?? 'missing')
    for (const name of ['a', 'redis-sample', 'r2']) t.ok(pattern.test(name), name)
    for (const name of ['2nd', 'a.b', '-a', 'a-', 'A', '']) t.notOk(pattern.test(name), name)
  })
}

/** Refinements do not reach the schema, so each needs a rule that the API server checks. */
const twins: readonly (readonly [kind: string, path: string, rule: string])[] = [
  ['RedisSentinel', 'spec.sentinelReplicas', 'self in [3, 5, 7]'],
  ['RedisSentinel', 'spec', '!has(self.masterNodePort) || !has(self.nodePort) || self.masterNodePort != self.nodePort'],
  ['RedisSentinel', 'spec', '!has(self.masterNodePort) || !has(self.sentinelNodePort) || self.masterNodePort != self.sentinelNodePort'],
  ['RedisSentinel', 'spec', '!has(self.nodePort) || !has(self.sentinelNodePort) || self.nodePort != self.sentinelNodePort'],
  ['RedisSentinel', 'spec.masterName', 'self == oldSelf'],
  ...['Redis', 'RedisSentinel'].map((kind) => [kind, 'spec.storage', '!has(self.hostPath) || !has(self.storageClassName)'] as const),
  ...['Redis', 'RedisSentinel'].map((kind) => [kind, 'spec.storage', 'quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0'] as const),
  ...['Redis', 'RedisSentinel'].map((kind) => [kind, 'spec.storage', "!has(self.hostPath) || !self.hostPath.contains('..')"] as const),
]

for (const [name, path, rule] of twins) {
  t.test(`${name}: the API server checks ${path}: ${rule}`, async (t) => {
    const schema = schemaOf(documents.find(({ kind }) => kind.kind === name)?.document ?? {} as Document)
    const node = new Map(nodes(schema)).get(`.${path}`)
    const found = ((node?.['x-kubernetes-validations'] ?? []) as CelRule[]).find((one) => one.rule === rule)
    t.ok((found?.message.length ?? 0) > 10, 'with a message')
  })
}

t.test('no zod refinement or transformation is used that the schema would lose without a word', async (t) => {
  for (const file of ['redis', 'redis-sentinel', 'kubernetes']) {
    const uses = text(`src/api/${file}.ts`).match(/\.(refine|superRefine|check|overwrite|transform|preprocess)\(\w*/g) ?? []
    t.strictSame(uses, file === 'kubernetes' ? ['.transform(String'] : [], file)
  }
})
