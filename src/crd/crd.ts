/**
 * zod -> CustomResourceDefinition, pure. What zod prints is made structural (Kubernetes, "Specifying a structural schema"):
 * no $ref, no additionalProperties beside properties, int-or-string in its one allowed form.
 */
import { z } from 'zod'
import { GROUP, VERSION } from '../api/group.ts'
import type { CelRule } from '../api/kubernetes.ts'

type Node = Record<string, unknown>

export interface Column {
  readonly name: string
  readonly type: 'string' | 'date' | 'integer'
  readonly jsonPath: string
  readonly description: string
  /** Shown only with `-o wide` when above 0. */
  readonly priority?: number
}

export interface Kind {
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly description: string
  readonly spec: z.ZodType
  readonly status: z.ZodType
  readonly rules: readonly CelRule[]
  readonly columns: readonly Column[]
}

export function crd (of: Kind): Node {
  const { kind, plural, singular, shortNames } = of
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { kind, listKind: `${kind}List`, plural, singular, ...(shortNames.length > 0 && { shortNames: [...shortNames] }) },
      versions: [{
        name: VERSION,
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: of.columns.map((column) => ({ ...column })),
        schema: { openAPIV3Schema: root(of) },
      }],
    },
  }
}

function root ({ description, spec, status, rules }: Kind): Node {
  return {
    description,
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
      kind: { type: 'string', description: 'Kind of this object.' },
      metadata: { type: 'object' },
      spec: structural(spec),
      status: structural(status),
    },
    'x-kubernetes-validations': rules.map((rule) => ({ ...rule })),
  }
}

/** The structural schema of one zod schema, as users may write it: a field with a default stays optional. */
export function structural (schema: z.ZodType): Node {
  return z.toJSONSchema(schema, { io: 'input', target: 'openapi-3.0', override: ({ jsonSchema }) => normalise(jsonSchema as Node) }) as Node
}

function normalise (node: Node): void {
  delete node['$schema']
  if (node['x-kubernetes-preserve-unknown-fields'] === true) {
    delete node['additionalProperties']
    delete node['properties']
  }
  if (node['x-kubernetes-int-or-string'] === true) node['anyOf'] = [{ type: 'integer' }, { type: 'string' }]
}
