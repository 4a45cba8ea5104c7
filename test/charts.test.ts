/** The Helm chart against the manifests: what it installs is what `kubectl apply -k manifests` installs. */
import { readdirSync } from 'node:fs'
import { Ajv } from 'ajv'
import { execa } from 'execa'
import type { Deployment } from 'kubernetes-types/apps/v1.js'
import t from 'tap'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { chartFiles } from '../local/chart.ts'
import { text } from './fixtures.ts'

interface Manifest { kind: string, metadata: { name: string, namespace?: string } }

const root = new URL('../', import.meta.url)
const CHART = 'charts/redis-operator'
const BY_HAND = ['Chart.yaml', 'values.yaml', 'values.schema.json', 'templates/NOTES.txt', 'templates/namespace.yaml']
/** The oldest Kubernetes that the README names; a helm built from source would take itself for 1.20. */
const KUBERNETES = ['--kube-version', '1.29.0']
const TEMPLATE = ['template', 'redis-operator', CHART, ...KUBERNETES, '--namespace']

const run = (file: string, args: string[], input = '') => execa(file, args, { cwd: root, input, reject: false })
/** For tap: false, or why not. */
async function missing (program: string, ...args: string[]): Promise<string | false> {
  return (await run(program, args)).failed && `there is no ${program} on the PATH`
}
const noHelm = await missing('helm', 'version')
const noKubectl = await missing('kubectl', 'kustomize', 'manifests/crds')

/** Kind, namespace and name -> object. */
function objects (yaml: string): Map<string, Manifest> {
  const manifests = parseAllDocuments(yaml).map((document) => document.toJS() as Manifest | null).filter((manifest) => manifest !== null)
  return new Map(manifests.map((manifest) => [`${manifest.kind} ${manifest.metadata.namespace ?? '-'}/${manifest.metadata.name}`, manifest]))
}

/** What the chart installs with these values. */
async function rendered (values: object, ...args: string[]): Promise<Map<string, Manifest>> {
  const { stdout, stderr, failed } = await run('helm', [...TEMPLATE, 'redis-operator', '--values', '-', ...args], stringify(values))
  if (failed) throw new Error(stderr)
  return objects(stdout)
}

t.test('every generated file is as "npm run generate" would write it, and there are no others', async (t) => {
  const generated = await chartFiles(root)
  for (const [path, expected] of generated) t.ok(text(path) === expected, `${path} is stale: run npm run generate`)
  const found = readdirSync(new URL(CHART, root), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.replace(/^.*?(?=charts\/redis-operator\/)/, ''))
  t.strictSame(found.sort(), [...generated.keys(), ...BY_HAND.map((name) => `${CHART}/${name}`)].sort())
  const { resources } = parse(text('manifests/kustomization.yaml')) as { resources: string[] }
  t.strictSame(resources, ['crds', 'operator', 'probe', '../metacontroller'], 'the folders that local/chart.ts reads')
})

t.test('chart and operator have the version of package.json', async (t) => {
  const { version } = JSON.parse(text('package.json')) as { version: string }
  t.match(parse(text(`${CHART}/Chart.yaml`)), { apiVersion: 'v2', name: 'redis-operator', version, appVersion: version })
})

t.test('the schema takes the default values, and no value that is not among them', async (t) => {
  const validate = new Ajv({ allowUnionTypes: true }).compile(JSON.parse(text(`${CHART}/values.schema.json`)) as object)
  const values = parse(text(`${CHART}/values.yaml`)) as Record<string, object>
  t.ok(validate(values), JSON.stringify(validate.errors))
  t.notOk(validate({ ...values, replicas: 2 }), 'of the chart')
  for (const name of ['image', 'webhook', 'probe', 'compositeControllers']) t.notOk(validate({ ...values, [name]: { ...values[name], surprise: 1 } }), name)
  for (const name of Object.keys(values)) t.notOk(validate({ ...values, [name]: null }), `${name} is needed`)
})

t.test('the default values are those of the manifests', async (t) => {
  const { image, logLevel, imagePullSecrets, ...values } = parse(text(`${CHART}/values.yaml`)) as Record<string, object>
  t.strictSame(imagePullSecrets, [])
  for (const [folder, key] of [['operator', 'webhook'], ['probe', 'probe']] as const) {
    const { spec } = parse(text(`manifests/${folder}/deployment.yaml`)) as Deployment
    const [container] = spec?.template.spec?.containers ?? []
    const variable = (name: string) => container?.env?.find((one) => one.name === name)?.value
    t.strictSame({ ...image, tag: container?.image?.split(':')[1] }, { repository: container?.image?.split(':')[0], tag: parse(text(`${CHART}/Chart.yaml`)).appVersion, pullPolicy: container?.imagePullPolicy })
    t.equal(logLevel, variable('LOG_LEVEL'))
    t.strictSame(values[key], { replicas: spec?.replicas, resources: container?.resources, ...(key === 'probe' && { watchNamespace: variable('WATCH_NAMESPACE') }) })
  }
})

t.test('helm lint finds nothing', { skip: noHelm }, async (t) => {
  const { stdout, failed } = await run('helm', ['lint', '--strict', ...KUBERNETES, '--namespace', 'redis-operator', CHART])
  t.notOk(failed, stdout)
})

t.test('the default values install what kustomize does, but for the namespace', { skip: noHelm || noKubectl }, async (t) => {
  const { stdout, stderr, failed } = await run('kubectl', ['kustomize', 'manifests'])
  t.notOk(failed, stderr)
  const expected = objects(stdout)
  t.ok(expected.delete('Namespace -/redis-operator'), 'a chart cannot bring the namespace that its release is kept in')
  const actual = await rendered({}, '--include-crds')
  t.strictSame([...actual.keys()].sort(), [...expected.keys()].sort())
  for (const [key, object] of expected) t.strictSame(actual.get(key), object, key)
})

t.test('every value goes where it belongs', { skip: noHelm }, async (t) => {
  const resources = { limits: { memory: '1Gi' } }
  const all = await rendered({
    image: { repository: 'registry.example.com/redis-operator', tag: '9', pullPolicy: 'Always' },
    imagePullSecrets: [{ name: 'my-registry' }],
    logLevel: 'debug',
    webhook: { replicas: 3, resources: { requests: null, ...resources } },
    probe: { replicas: 1, watchNamespace: '1234', resources: { requests: null, limits: null } },
    compositeControllers: { enabled: false },
  })
  t.notOk([...all.keys()].some((key) => key.startsWith('CompositeController')))
  for (const [name, replicas] of [['redis-operator', 3], ['sentinel-probe', 1]] as const) {
    const { spec } = all.get(`Deployment redis-operator/${name}`) as Deployment
    t.equal(spec?.replicas, replicas)
    t.strictSame(spec?.template.spec?.imagePullSecrets, [{ name: 'my-registry' }])
    const [container] = spec?.template.spec?.containers ?? []
    t.match(container, { image: 'registry.example.com/redis-operator:9', imagePullPolicy: 'Always' })
    t.strictSame(container?.resources, name === 'redis-operator' ? resources : undefined)
    const env = new Map(container?.env?.map(({ name, value }) => [name, value]))
    t.equal(env.get('LOG_LEVEL'), 'debug')
    t.equal(env.get('WATCH_NAMESPACE'), name === 'redis-operator' ? undefined : '1234')
  }
})

t.test('helm refuses another namespace and an unknown value', { skip: noHelm }, async (t) => {
  const elsewhere = await run('helm', [...TEMPLATE, 'shop'])
  t.ok(elsewhere.failed)
  t.match(elsewhere.stderr, 'redis-operator can only be installed to the namespace redis-operator, not to shop: use --namespace redis-operator')
  await t.rejects(rendered({ webhook: { surprise: 1 } }), { message: /surprise/ })
  await t.rejects(rendered({ logLevel: 'loud' }), { message: /logLevel/ })
})
