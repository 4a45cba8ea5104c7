/** `npm run render -- manifests/samples/redis.yaml`: what the hook wants for a CR or a captured sync request, and why. */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { API_VERSION } from '../api/group.ts'
import { explain } from '../hook/explain.ts'
import { type KindName, KINDS, sync } from '../hook/kinds.ts'
import { rehearse, requestBody, type RequestBody } from '../hook/rehearse.ts'
import type { SyncResponse } from '../hook/response.ts'

const USAGE = `usage: npm run render -- [--request | --explain] FILE...
Prints the children that the hook wants for every Redis and RedisSentinel in the files ("-" is standard input), as YAML.
A file may also hold a sync request as Metacontroller sends it, or as npm run capture writes it from a cluster: that is answered as it is.
  --request   print the sync request instead, ready for: curl -H 'content-type: application/json' -d @- .../sync
  --explain   print for each child whether it is kept, created, changed, deleted or withheld, and why; and the status.
              Of a CR: what happens in a cluster that has nothing of it yet
Addresses of Services are made up (192.0.2.0/24), unless a request has them.`

const NAMES: Record<string, KindName> = { Redis: 'redis', RedisSentinel: 'redis-sentinel' }
const UNSAVED = { namespace: 'default', uid: '00000000-0000-4000-8000-000000000000', generation: 1 }

interface Resource { kind?: string, metadata?: object, parent?: Resource, children?: object }
type Output = 'children' | 'request' | 'explanation'

async function main (): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { request: { type: 'boolean' }, explain: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } }, allowPositionals: true,
  })
  if (values.help || positionals.length === 0 || (values.request && values.explain)) {
    console.log(USAGE)
    process.exitCode = values.help ? 0 : 2
    return
  }
  const output = values.request ? 'request' : values.explain ? 'explanation' : 'children'
  for (const file of positionals) {
    const yaml = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8')
    for (const resource of documents(yaml)) await render(resource, output)
  }
}

/** A captured request is large, and plain JSON. */
function documents (yaml: string): Resource[] {
  try {
    return [JSON.parse(yaml) as Resource]
  } catch {
    return parseAllDocuments(yaml).map((document) => document.toJS() as Resource | null).filter((resource) => resource !== null)
  }
}

async function render (resource: Resource, output: Output): Promise<void> {
  const isRequest = resource.parent !== undefined && resource.children !== undefined
  const name = nameOf(isRequest ? resource.parent : resource)
  const { request, response } = isRequest ? answered(name, resource as RequestBody) : await rehearsed(name, resource)
  if (output === 'request') return console.log(JSON.stringify(request, null, 2))
  if (output === 'explanation') return printExplanation(name, isRequest ? request : requestBody(request.controller, request.parent))
  const refusal = response.children.length === 0 ? JSON.stringify(response.status, null, 2) : undefined
  if (refusal !== undefined) throw new Error(`the spec is refused: ${refusal}`)
  for (const child of response.children) console.log(`---\n${stringify(child, { lineWidth: 0 })}`.trimEnd())
}

function nameOf (resource: Resource | undefined): KindName {
  const name = NAMES[resource?.kind ?? '']
  if (!name) throw new Error(`${resource?.kind} is neither Redis nor RedisSentinel`)
  return name
}

function answered (name: KindName, request: RequestBody): { request: RequestBody, response: SyncResponse } {
  return { request, response: sync(KINDS[name], KINDS[name].syncRequest.parse(request), new Date()) }
}

async function rehearsed (name: KindName, resource: Resource): Promise<{ request: RequestBody, response: SyncResponse }> {
  const parent = { apiVersion: API_VERSION, ...resource, metadata: { ...UNSAVED, ...resource.metadata } }
  const controller = parse(await readFile(new URL(`../../metacontroller/${name}.yaml`, import.meta.url), 'utf8')) as object
  return rehearse(name, controller, parent, new Date())
}

function printExplanation (name: KindName, request: RequestBody): void {
  const { explanations, status } = explain(name, request, new Date())
  for (const { action, child, why } of explanations) console.log(`${action.padEnd(9)} ${child}: ${why}`)
  console.log(`---\n${stringify({ status }, { lineWidth: 0 })}`.trimEnd())
}

main().catch((error: unknown) => {
  console.error(`render: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
})
