/** A CompositeController as its YAML says it, and what of it the embedded driver cannot do and therefore refuses. */
import { z } from 'zod'
import { labelSelectorSchema } from './selector.ts'

const webhookSchema = z.object({
  url: z.string().optional(),
  service: z.object({
    name: z.string().min(1),
    namespace: z.string().min(1),
    port: z.int().default(80),
    protocol: z.string().default('http'),
  }).optional(),
  path: z.string().optional(),
  timeout: z.string().optional(),
  responseUnMarshallMode: z.enum(['strict', 'loose']).default('strict'),
  etag: z.object({ enabled: z.boolean().optional() }).optional(),
  authorization: z.unknown().optional(),
  basicAuth: z.unknown().optional(),
  clientTLS: z.unknown().optional(),
  caBundle: z.unknown().optional(),
})

const hookSchema = z.object({ version: z.string().default('v1'), webhook: webhookSchema })

const compositeControllerSchema = z.looseObject({
  apiVersion: z.literal('metacontroller.k8s.io/v1alpha1'),
  kind: z.literal('CompositeController'),
  metadata: z.looseObject({ name: z.string().min(1) }),
  spec: z.object({
    parentResource: z.object({
      apiVersion: z.string().min(1),
      resource: z.string().min(1),
      ignoreStatusChanges: z.boolean().default(false),
      labelSelector: labelSelectorSchema.optional(),
    }),
    childResources: z.array(z.object({
      apiVersion: z.string().min(1),
      resource: z.string().min(1),
      updateStrategy: z.object({ method: z.string().default('OnDelete') }).default({ method: 'OnDelete' }),
    })).default([]),
    hooks: z.object({
      sync: hookSchema.optional(),
      customize: hookSchema.optional(),
      finalize: hookSchema.optional(),
    }),
    resyncPeriodSeconds: z.int().optional(),
    generateSelector: z.boolean().default(false),
    endpointConfigs: z.array(z.unknown()).optional(),
  }),
})

export type CompositeController = z.infer<typeof compositeControllerSchema> & {
  /** The document as it was read: hooks are sent this, not the parsed one. */
  document: object
}
export type Hook = z.infer<typeof hookSchema>
export type UpdateMethod = 'InPlace' | 'OnDelete'

const SECOND = 1000
const DEFAULT_TIMEOUT_MS = 10 * SECOND
const UNITS: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: SECOND, m: 60 * SECOND, h: 3600 * SECOND }

/** Throws with all reasons at once, in words that say what to change. */
export function parseCompositeController (document: object): CompositeController {
  const { data, success, error } = compositeControllerSchema.safeParse(document)
  if (!success) throw new Error(z.prettifyError(error))
  const reasons = refusals(data)
  if (reasons.length > 0) throw new Error(reasons.join('\n'))
  // The API server would have given it a status; a hook may expect one.
  return { ...data, document: { status: {}, ...document } }
}

function refusals ({ spec }: z.infer<typeof compositeControllerSchema>): string[] {
  const reasons = Object.entries(spec.hooks).flatMap(([name, hook]) => hook ? hookRefusals(name, hook) : [])
  if (!spec.hooks.sync) reasons.push('spec.hooks.sync is required')
  if (!spec.generateSelector) reasons.push('spec.generateSelector must be true: selectors of the parent are not implemented here')
  if (spec.endpointConfigs?.length) reasons.push('spec.endpointConfigs is not implemented here')
  for (const { apiVersion, resource, updateStrategy: { method } } of spec.childResources) {
    if (method === 'InPlace' || method === 'OnDelete') continue
    reasons.push(`updateStrategy ${method} of ${resource} (${apiVersion}) is not implemented here: only InPlace and OnDelete are`)
  }
  return reasons
}

function hookRefusals (name: string, { version, webhook }: Hook): string[] {
  const reasons: string[] = []
  const where = `spec.hooks.${name}`
  if (version !== 'v2') reasons.push(`${where}.version must be v2, not ${version}`)
  if (!webhook.url && !(webhook.service && webhook.path)) reasons.push(`${where}.webhook needs a url, or a service and a path`)
  if (webhook.etag?.enabled) reasons.push(`${where}.webhook.etag is not implemented here`)
  for (const field of ['authorization', 'basicAuth', 'clientTLS', 'caBundle'] as const) {
    if (webhook[field] !== undefined) reasons.push(`${where}.webhook.${field} is not implemented here`)
  }
  return reasons
}

/** `baseUrl` replaces scheme, host and port: the hook on a developer's machine, whatever the Service is called. */
export function hookUrl ({ webhook: { url, service, path } }: Hook, baseUrl?: string): string {
  const address = url ?? (service && `${service.protocol}://${service.name}.${service.namespace}:${service.port}${path}`)
  if (!address) throw new Error('a webhook needs a url, or a service and a path')
  if (!baseUrl) return address
  const { pathname, search } = new URL(address)
  return new URL(pathname + search, baseUrl).href
}

/** A Go duration (`10s`, `1m30s`); what is not one, or not positive, means ten seconds. */
export function hookTimeoutMs ({ webhook: { timeout = '' } }: Hook): number {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(timeout)) return DEFAULT_TIMEOUT_MS
  const parts = [...timeout.matchAll(/([\d.]+)([a-zµ]+)/g)]
  const ms = parts.reduce((sum, [, number, unit]) => sum + Number(number) * (UNITS[unit ?? ''] ?? 0), 0)
  return ms > 0 ? ms : DEFAULT_TIMEOUT_MS
}

export function finalizerName ({ metadata: { name } }: CompositeController): string {
  return `metacontroller.io/compositecontroller-${name}`
}
