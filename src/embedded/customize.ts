/** Calls the customize hook, remembers its rules and finds the related objects in the informers. */
import { relatedNotSynced } from './failures.ts'
import { matchesRule, ruleProblem } from './related.ts'
import { objectGroups } from './request.ts'
import { parseCustomizeResponse } from './response.ts'
import type { ApiClient } from './api-client.ts'
import type { CompositeController, Hook } from './composite-controller.ts'
import type { HookClient } from './hook-client.ts'
import type { Change, Informer, Informers } from './informer.ts'
import type { KubeObject, ObjectGroups, ResourceInfo } from './objects.ts'
import type { RelatedRule } from './response.ts'

export type CustomizeOptions = {
  controller: CompositeController
  hooks: HookClient
  api: ApiClient
  informers: Informers
  now: () => number
  onChange: (resource: ResourceInfo, change: Change) => void
}

export type Customize = {
  related: (parent: KubeObject) => Promise<ObjectGroups>
  /** Whether a parent's rules select one of the objects. */
  wants: (parent: KubeObject, resource: ResourceInfo, objects: KubeObject[]) => Promise<boolean>
}

const CACHE_MS = 20 * 60_000

export function createCustomize (options: CustomizeOptions): Customize {
  const hook = options.controller.spec.hooks.customize
  if (!hook) return { related: async () => ({}), wants: async () => false }
  const rulesFor = cachedRules(options, hook)
  const informerFor = relatedInformers(options)

  async function related (parent: KubeObject): Promise<ObjectGroups> {
    const resources: ResourceInfo[] = []
    const objects: KubeObject[] = []
    for (const rule of await rulesFor(parent)) {
      const problem = ruleProblem(rule)
      if (problem) throw new Error(problem)
      const informer = await informerFor(rule)
      if (!informer.hasSynced()) throw relatedNotSynced(rule.resource)
      resources.push(informer.resource)
      objects.push(...informer.list().filter((object) => matchesRule(rule, informer.resource, object)))
    }
    return objectGroups(resources, objects)
  }

  async function wants (parent: KubeObject, resource: ResourceInfo, objects: KubeObject[]): Promise<boolean> {
    const rules = await rulesFor(parent)
    return rules
      .filter((rule) => rule.apiVersion === resource.apiVersion && rule.resource === resource.resource)
      .some((rule) => objects.some((object) => matchesRule(rule, resource, object)))
  }

  return { related, wants }
}

/**
 * Rules are asked for once per generation of a parent and kept for 20 minutes, so they may depend on its spec alone.
 * Callers at the same time share one call, and a failed call is not kept.
 */
function cachedRules ({ controller, hooks, now }: CustomizeOptions, hook: Hook): (parent: KubeObject) => Promise<RelatedRule[]> {
  const cache = new Map<string, { until: number, rules: Promise<RelatedRule[]> }>()

  async function ask (parent: KubeObject): Promise<RelatedRule[]> {
    const text = await hooks('customize', hook, { controller: controller.document, parent })
    return parseCustomizeResponse(text, hook.webhook.responseUnMarshallMode)
  }

  return (parent) => {
    const key = `${parent.metadata.uid}/${parent.metadata.generation}`
    const known = cache.get(key)
    if (known && known.until > now()) return known.rules
    for (const [old, { until }] of cache) if (until <= now()) cache.delete(old)
    const rules = ask(parent)
    cache.set(key, { until: now() + CACHE_MS, rules })
    rules.catch(() => cache.delete(key))
    return rules
  }
}

/** Informers come to be when the first rule asks for them, so the first sync finds them not yet synced and comes again. */
function relatedInformers ({ api, informers, onChange }: CustomizeOptions): (rule: RelatedRule) => Promise<Informer> {
  const known = new Map<string, Informer>()
  return async ({ apiVersion, resource }) => {
    const key = `${apiVersion}/${resource}`
    const existing = known.get(key)
    if (existing) return existing
    const info = await api.discover(apiVersion, resource)
    if (!info) throw new Error(`related resource ${resource} (${apiVersion}) is not served`)
    // Another parent may have come this far in the meantime; only one of them may subscribe.
    const raced = known.get(key)
    if (raced) return raced
    const informer = informers(info)
    known.set(key, informer)
    informer.subscribe((change) => onChange(info, change))
    return informer
  }
}
