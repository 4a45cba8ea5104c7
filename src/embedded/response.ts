/** What a hook may answer: decoded as strictly as Metacontroller does for hook version v2. */
import { z } from 'zod'
import { labelSelectorSchema } from './selector.ts'
import type { KubeObject } from './objects.ts'

export type UnmarshalMode = 'strict' | 'loose'

const childSchema = z.looseObject({
  apiVersion: z.string().min(1),
  kind: z.string().min(1),
  metadata: z.looseObject({
    name: z.string().min(1),
    namespace: z.string().nullish(),
    labels: z.record(z.string(), z.string()).nullish(),
  }),
}, { error: ({ input }) => input === null ? 'a null child, which crashes the real Metacontroller' : undefined })

const syncFields = {
  status: z.record(z.string(), z.unknown()).nullish(),
  children: z.array(childSchema).nullish(),
  resyncAfterSeconds: z.number().nullish(),
  finalized: z.boolean().nullish(),
}

const ruleFields = {
  apiVersion: z.string().min(1),
  resource: z.string().min(1),
  labelSelector: labelSelectorSchema.nullish(),
  namespaceSelector: labelSelectorSchema.nullish(),
  namespace: z.string().nullish(),
  names: z.array(z.string()).nullish(),
}

const syncSchemas = { strict: z.strictObject(syncFields), loose: z.object(syncFields) }
const customizeSchemas = {
  strict: z.strictObject({ relatedResources: z.array(z.strictObject(ruleFields)).nullish() }),
  loose: z.object({ relatedResources: z.array(z.object(ruleFields)).nullish() }),
}

export type SyncResponse = {
  status: Record<string, unknown>
  children: KubeObject[]
  resyncAfterSeconds: number
  finalized: boolean
}
export type RelatedRule = z.infer<z.ZodObject<typeof ruleFields>>

export function parseSyncResponse (text: string, mode: UnmarshalMode): SyncResponse {
  const answer = parse(text, mode, syncSchemas[mode])
  return {
    status: answer.status ?? {},
    children: (answer.children ?? []).map(kubeObject),
    resyncAfterSeconds: answer.resyncAfterSeconds ?? 0,
    finalized: answer.finalized ?? false,
  }
}

export function parseCustomizeResponse (text: string, mode: UnmarshalMode): RelatedRule[] {
  return parse(text, mode, customizeSchemas[mode]).relatedResources ?? []
}

function kubeObject (child: z.infer<typeof childSchema>): KubeObject {
  const { namespace, labels, ...metadata } = child.metadata
  return { ...child, metadata: { ...metadata, ...(namespace ? { namespace } : {}), ...(labels ? { labels } : {}) } }
}

function parse<T> (text: string, mode: UnmarshalMode, schema: z.ZodType<T>): T {
  const { data, success, error } = schema.safeParse(parseJson(text))
  if (!success) throw new Error(`can't unmarshal webhookResponse: ${issues(error)}`)
  const twice = mode === 'strict' ? duplicates(topLevelFields(text)) : []
  if (twice.length > 0) throw new Error(`strict validation failed for webhookResponse: duplicate field ${twice.join(', ')}`)
  return data
}

function parseJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error('can\'t unmarshal webhookResponse: it is not JSON', { cause })
  }
}

function issues (error: z.ZodError): string {
  return error.issues.map(({ path, message }) => path.length > 0 ? `${path.join('.')}: ${message}` : message).join('; ')
}

function duplicates (names: string[]): string[] {
  return names.filter((name, index) => names.indexOf(name) !== index)
}

/** JSON.parse keeps the last of two equal fields and says nothing, so they are counted in the text. */
function topLevelFields (json: string): string[] {
  const fields: string[] = []
  let depth = 0
  let string = ''
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    else if (token !== ':') string = token
    else if (depth === 1) fields.push(JSON.parse(string))
  }
  return fields
}
