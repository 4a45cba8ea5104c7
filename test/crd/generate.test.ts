import { readdirSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { KINDS } from '../../src/crd/kinds.ts'
import { generated } from '../../src/crd/generate.ts'
import { text } from '../fixtures.ts'

const root = new URL('../../', import.meta.url)

t.test('every generated file is as "npm run generate" would write it', async (t) => {
  for (const [path, expected] of await generated(root)) t.ok(text(path) === expected, `${path} is stale: run npm run generate`)
})

t.test('manifests/crds holds the generated files, their kustomization, and nothing else', async (t) => {
  const expected = KINDS.map(({ plural }) => `${plural}.yaml`)
  t.strictSame(readdirSync(new URL('manifests/crds', root)).sort(), ['kustomization.yaml', ...expected].sort())
  t.strictSame((parse(text('manifests/crds/kustomization.yaml')) as { resources: string[] }).resources.sort(), expected.sort())
})

t.test('every script of a pod is in the generated module', async (t) => {
  const module = (await generated(root)).get('src/redis-sentinel/scripts.ts') ?? ''
  for (const name of readdirSync(new URL('src/redis-sentinel/scripts', root)).filter((name) => name.endsWith('.sh'))) t.match(module, `"${name}": [`)
})
