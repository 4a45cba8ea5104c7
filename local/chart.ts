/**
 * Part of `npm run generate`: the CRDs and templates of the Helm chart, made from the manifests. Chart.yaml, values.yaml and
 * its schema, NOTES.txt and namespace.yaml are written by hand. test/charts.test.ts fails when something is stale.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Document, parse, parseAllDocuments } from 'yaml'

const CHART = 'charts/redis-operator'
const CRDS = 'manifests/crds'
/** Folder of manifests -> the values key of its Deployment, and what has to be true to install it. */
const FOLDERS: Record<string, { process?: 'webhook' | 'probe', condition?: string }> = {
  'manifests/operator': { process: 'webhook' },
  'manifests/probe': { process: 'probe' },
  metacontroller: { condition: '.Values.compositeControllers.enabled' },
}
/** Helm keeps its release in the namespace before it installs anything, so a chart cannot bring the namespace it is installed to. */
const LEFT_OUT = 'namespace.yaml'

interface Kustomization { namespace?: string, resources: string[] }
interface Manifest { kind: string, metadata: { name: string, namespace?: string } }
type Place = [path: (string | number)[], value: string]
type DeploymentManifest = Manifest & { spec: { template: { spec: { containers: [{ env: { name: string }[] }] } } } }

/** Path below the project's root -> content of every generated file of the chart; `root` ends in a slash. */
export async function chartFiles (root: URL): Promise<Map<string, string>> {
  const read = (path: string) => readFile(new URL(path, root), 'utf8')
  const kustomization = async (folder: string) => parse(await read(`${folder}/kustomization.yaml`)) as Kustomization
  const files = new Map<string, string>()
  for (const file of (await kustomization(CRDS)).resources) files.set(`${CHART}/crds/${file}`, await read(`${CRDS}/${file}`))
  for (const [folder, { process, condition }] of Object.entries(FOLDERS)) {
    const { namespace, resources } = await kustomization(folder)
    for (const file of resources.filter((name) => name !== LEFT_OUT)) {
      const manifests = parseAllDocuments(await read(`${folder}/${file}`)).map((document) => document.toJS() as Manifest)
      const body = manifests.map((manifest) => template(inNamespace(manifest, namespace), process)).join('---\n')
      const header = `{{- /* Generated from ${folder}/${file} by "npm run generate". Do not edit. */ -}}\n`
      const text = header + (condition === undefined ? body : `{{- if ${condition} }}\n${body}{{- end }}\n`)
      files.set(`${CHART}/templates/${folder.replace('manifests/', '')}/${file}`, text)
    }
  }
  return files
}

/** As kustomize does it: roles and bindings of the cluster are in no namespace. */
function inNamespace (manifest: Manifest, namespace: string | undefined): Manifest {
  if (namespace === undefined || manifest.kind.startsWith('Cluster')) return manifest
  return { ...manifest, metadata: { ...manifest.metadata, namespace } }
}

function template (manifest: Manifest, process: 'webhook' | 'probe' | undefined): string {
  const document = new Document(manifest, { aliasDuplicateObjects: false })
  if (process !== undefined && manifest.kind === 'Deployment') {
    for (const [path, value] of deploymentValues(manifest as DeploymentManifest, process)) document.setIn(path, value)
  }
  return helm(document.toString({ lineWidth: 0 }))
}

/** What a user may set, and where it goes. */
function deploymentValues (manifest: DeploymentManifest, process: 'webhook' | 'probe'): Place[] {
  const pod = ['spec', 'template', 'spec']
  const container = [...pod, 'containers', 0]
  const { env } = manifest.spec.template.spec.containers[0]
  const variable = (name: string) => [...container, 'env', env.findIndex((one) => one.name === name), 'value']
  const places: Place[] = [
    [['spec', 'replicas'], inline(`{{ .Values.${process}.replicas }}`)],
    [[...pod, 'imagePullSecrets'], block('.Values.imagePullSecrets')],
    [[...container, 'image'], inline('"{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"')],
    [[...container, 'imagePullPolicy'], inline('{{ .Values.image.pullPolicy }}')],
    [variable('LOG_LEVEL'), inline('{{ .Values.logLevel }}')],
    [[...container, 'resources'], block(`.Values.${process}.resources`)],
  ]
  if (process === 'probe') places.push([variable('WATCH_NAMESPACE'), inline('{{ .Values.probe.watchNamespace | quote }}')])
  return places
}

/** Templates are not YAML: an expression is a marked string while the manifest is, and helm() puts it in its place. */
const inline = (text: string) => `HELM-INLINE ${text}`
/** A whole field, left out when the value is empty. */
const block = (value: string) => `HELM-BLOCK ${value}`

function helm (yaml: string): string {
  return yaml
    .replace(/^( *)(\w+): HELM-BLOCK (.*)$/gm, (_, indent: string, field: string, value: string) => [
      `${indent}{{- with ${value} }}`,
      `${indent}${field}:`,
      `${indent}  {{- toYaml . | nindent ${indent.length + 2} }}`,
      `${indent}{{- end }}`].join('\n'))
    .replaceAll(': HELM-INLINE ', ': ')
}

async function main (): Promise<void> {
  const root = new URL('../', import.meta.url)
  for (const [path, text] of await chartFiles(root)) {
    const file = new URL(path, root)
    await mkdir(new URL('.', file), { recursive: true })
    await writeFile(file, text)
    console.log(`wrote ${path}`)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
