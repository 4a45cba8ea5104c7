/** `npm run render -- manifests/samples/redis.yaml`: the desired children of a CR as YAML, or its sync request. */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { API_VERSION } from '../api/group.ts'
import type { KindName } from '../hook/kinds.ts'
import { rehearse } from '../hook/rehearse.ts'

const USAGE = `usage: npm run render -- [--request] FILE...
Prints the children that the hook wants for every Redis and RedisSentinel in the files ("-" is standard input).
  --request   print the sync request instead, ready for: curl -H 'content-type: application/json' -d @- .../sync
Addresses of Services are made up (192.0.2.0/24).`

const NAMES: Record<string, KindName> = { Redis: 'redis', RedisSentinel: 'redis-sentinel' }
const UNSAVED = { namespace: 'default', uid: '00000000-0000-4000-8000-000000000000', generation: 1 }

interface Resource { kind?: string, metadata?: object }

async function main (): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { request: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } }, allowPositionals: true,
  })
  if (values.help || positionals.length === 0) {
    console.log(USAGE)
    process.exitCode = values.help ? 0 : 2
    return
  }
  for (const file of positionals) {
    const yaml = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8')
    const resources = parseAllDocuments(yaml).map((document) => document.toJS() as Resource | null)
    for (const resource of resources) if (resource) await render(resource, values.request === true)
  }
}

async function render (resource: Resource, asRequest: boolean): Promise<void> {
  const name = NAMES[resource.kind ?? '']
  if (!name) throw new Error(`${resource.kind} is neither Redis nor RedisSentinel`)
  const parent = { apiVersion: API_VERSION, ...resource, metadata: { ...UNSAVED, ...resource.metadata } }
  const controller = parse(await readFile(new URL(`../../metacontroller/${name}.yaml`, import.meta.url), 'utf8'))
  const { request, response } = rehearse(name, controller, parent, new Date())
  if (asRequest) return console.log(JSON.stringify(request, null, 2))
  const refusal = response.children.length === 0 ? JSON.stringify(response.status, null, 2) : undefined
  if (refusal !== undefined) throw new Error(`the spec is refused: ${refusal}`)
  for (const child of response.children) console.log(`---\n${stringify(child, { lineWidth: 0 })}`.trimEnd())
}

main().catch((error: unknown) => {
  console.error(`render: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
})
