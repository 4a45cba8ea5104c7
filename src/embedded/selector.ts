/** Label selectors: matchLabels and matchExpressions. */
import { z } from 'zod'

const expressionSchema = z.strictObject({
  key: z.string(),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
  values: z.array(z.string()).nullish(),
})

export const labelSelectorSchema = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).nullish(),
  matchExpressions: z.array(expressionSchema).nullish(),
})

export type LabelSelector = z.infer<typeof labelSelectorSchema>
export type Labels = Record<string, string> | undefined

/** An empty selector selects everything. */
export function matchesSelector (selector: LabelSelector, labels: Labels): boolean {
  const equal = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels?.[key] === value)
  return equal && (selector.matchExpressions ?? []).every((expression) => matchesExpression(expression, labels))
}

function matchesExpression ({ key, operator, values }: z.infer<typeof expressionSchema>, labels: Labels): boolean {
  const value = labels?.[key]
  const among = value !== undefined && (values ?? []).includes(value)
  switch (operator) {
    case 'In': return among
    case 'NotIn': return !among
    case 'Exists': return value !== undefined
    case 'DoesNotExist': return value === undefined
  }
}
