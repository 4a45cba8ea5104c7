/** `make upgrade-check FROM=commit`: whether an upgrade of the operator from that commit to this working tree restarts pods. */
import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { parse, parseAllDocuments } from 'yaml'
import { differences } from '../src/metadata/difference.ts'
import { ROOT } from './clusters.ts'

const USAGE = `usage: make upgrade-check [FROM=commit]
Renders the samples, and variants of them, with the hook of FROM (the commit before HEAD if left out) and with that of the working tree, and
compares the pod templates of the StatefulSets. A difference restarts every Redis of every user when the operator is upgraded.`

/** Merged into the samples' specs: what goes into a template besides the defaults. */
const VARIANTS: readonly object[] = [{}, { exporter: { enable: true } }, { storage: { size: '2Gi' } }, { redisReplicas: 1 }]

interface StatefulSet { kind: string, metadata: { name: string }, spec: { template: object } }

async function templates (folder: string, manifest: string): Promise<Map<string, object>> {
  const { stdout } = await execa('npx', ['tsx', 'src/operator/render.ts', '-'], { cwd: folder, input: manifest })
  const children = parseAllDocuments(stdout).map((document) => document.toJS() as StatefulSet | null)
  return new Map(children.flatMap((child) => child?.kind === 'StatefulSet' ? [[child.metadata.name, child.spec.template]] : []))
}

/** Those of the older commit: what its users have written. */
async function manifests (root: string): Promise<string[]> {
  const folder = join(root, 'manifests/samples')
  const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
  const samples = await Promise.all(files.map(async (file) => parse(await readFile(join(folder, file), 'utf8')) as { kind: string, spec: object }))
  return samples.flatMap((sample) => VARIANTS.filter((variant) => sample.kind === 'RedisSentinel' || !('redisReplicas' in variant))
    .map((variant) => JSON.stringify({ ...sample, spec: { ...sample.spec, ...variant } })))
}

async function changes (folder: string, manifest: string): Promise<string[]> {
  const [before, after] = await Promise.all([templates(folder, manifest), templates(ROOT, manifest)])
  return [...after].flatMap(([name, template]) => {
    const fields = [...new Set([...differences(template, before.get(name)), ...differences(before.get(name), template)])]
    return fields.length === 0 ? [] : [`${name}: ${fields.join(', ')}, with ${manifest}`]
  })
}

async function main (): Promise<number> {
  const [from = 'HEAD~1'] = process.argv.slice(2)
  if (from === '--help') {
    console.log(USAGE)
    return 0
  }
  const folder = await mkdtemp(join(tmpdir(), 'upgrade-check-'))
  try {
    await execa('git', ['worktree', 'add', '--detach', folder, from], { cwd: ROOT })
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    const changed: string[] = []
    for (const manifest of await manifests(folder)) changed.push(...await changes(folder, manifest))
    console.log(changed.length === 0 ? `an upgrade from ${from} restarts no pod` : `an upgrade from ${from} restarts pods:\n${changed.join('\n')}`)
    return changed.length === 0 ? 0 : 1
  } finally {
    await execa('git', ['worktree', 'remove', '--force', folder], { cwd: ROOT, reject: false })
    await rm(folder, { recursive: true, force: true })
  }
}

main().then((code) => { process.exitCode = code }, (error: unknown) => {
  console.error(`upgrade-check: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 2
})
