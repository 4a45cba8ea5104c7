/** Arguments, environment and controller files, checked once and frozen. */
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { parseCompositeController } from './composite-controller.ts'
import type { CompositeController } from './composite-controller.ts'

export const USAGE = `usage: node dist/embedded/main.js --controllers DIR|FILE... [--kubeconfig PATH] [--hook-base-url URL]

Runs CompositeControllers without Metacontroller, for a demo, for development and for tests. In production use Metacontroller.

  --controllers DIR|FILE...  YAML files, or folders of them; what is not a CompositeController in them is left out
  --kubeconfig PATH          else KUBECONFIG, else ~/.kube/config, else the pod's service account
  --hook-base-url URL        call the hooks at this scheme, host and port instead of the ones the YAML names
  --help                     this text

environment: KUBECONFIG, LOG_LEVEL (info), METRICS_PORT (none: no /metrics and no /healthz)
`

const environmentSchema = z.object({
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  METRICS_PORT: z.coerce.number().int().min(0).max(65535).optional(),
})

export type Config = {
  help: boolean
  controllers: readonly string[]
  kubeconfig: string | undefined
  hookBaseUrl: string | undefined
  logLevel: string
  metricsPort: number | undefined
}

export function parseConfig (args: string[], env: Record<string, string | undefined>): Readonly<Config> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      controllers: { type: 'string', multiple: true },
      kubeconfig: { type: 'string' },
      'hook-base-url': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const { data, success, error } = environmentSchema.safeParse(env)
  if (!success) throw new Error(z.prettifyError(error))
  const controllers = [...values.controllers ?? [], ...positionals]
  if (controllers.length === 0 && !values.help) throw new Error('--controllers is required')
  return Object.freeze({
    help: values.help,
    controllers,
    // The client library reads KUBECONFIG itself, with its list of several files; only the argument is passed on.
    kubeconfig: values.kubeconfig,
    hookBaseUrl: values['hook-base-url'] && origin(values['hook-base-url']),
    logLevel: data.LOG_LEVEL,
    metricsPort: data.METRICS_PORT,
  })
}

function origin (url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (!parsed || parsed.pathname !== '/' || !/^https?:$/.test(parsed.protocol)) {
    throw new Error(`--hook-base-url must be like http://127.0.0.1:8080, not ${url}`)
  }
  return parsed.origin
}

/** All CompositeControllers of the files and folders, in the order of their paths. */
export function readControllers (paths: readonly string[]): CompositeController[] {
  const controllers = paths.flatMap(yamlFiles).flatMap(readFile)
  if (controllers.length === 0) throw new Error(`no CompositeController in ${paths.join(', ')}`)
  const names = controllers.map(({ metadata: { name } }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice) throw new Error(`CompositeController ${twice} is there twice`)
  return controllers
}

function yamlFiles (path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path).filter((name) => /\.ya?ml$/.test(name)).toSorted().map((name) => join(path, name))
}

function readFile (file: string): CompositeController[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).flatMap((document) => {
    const [error] = document.errors
    if (error) throw new Error(`${file}: ${error.message}`)
    const object: unknown = document.toJS()
    return isCompositeController(object) ? [refusedIn(file, object)] : []
  })
}

function isCompositeController (object: unknown): object is object {
  return typeof object === 'object' && object !== null && 'kind' in object && object.kind === 'CompositeController'
}

function refusedIn (file: string, document: object): CompositeController {
  try {
    return parseCompositeController(document)
  } catch (cause) {
    throw new Error(`${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
