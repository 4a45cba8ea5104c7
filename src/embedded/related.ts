/** The customize hook's rules: which other objects a parent wants to see. */
import { matchesSelector } from './selector.ts'
import type { KubeObject, ResourceInfo } from './objects.ts'
import type { RelatedRule } from './response.ts'

/** What is wrong with a rule, or undefined. */
export function ruleProblem ({ names, namespace, labelSelector, namespaceSelector }: RelatedRule): string | undefined {
  const named = names && names.length > 0
  if (named && (labelSelector || namespaceSelector)) {
    return 'related rule cannot have both names and labelSelector/namespaceSelector specified'
  }
  if (namespace && namespaceSelector) return 'related rule cannot have both namespace and namespaceSelector specified'
  if (namespaceSelector) return 'namespaceSelector of a related rule is not implemented here'
  return undefined
}

/** Version v2: a rule that names no namespace looks into all of them. */
export function matchesRule (rule: RelatedRule, resource: ResourceInfo, object: KubeObject): boolean {
  const { name, namespace, labels } = object.metadata
  if (rule.namespace && resource.namespaced && rule.namespace !== namespace) return false
  if (rule.names && rule.names.length > 0 && !rule.names.includes(name)) return false
  return !rule.labelSelector || matchesSelector(rule.labelSelector, labels)
}
