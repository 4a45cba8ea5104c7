/** Valid defaults of everything the hook sees; a test overrides what it is about. */
import { readFileSync } from 'node:fs'
import type { Pod } from 'kubernetes-types/core/v1.js'
import { parse } from 'yaml'
import { API_VERSION } from '../src/api/group.ts'
import type { KindName } from '../src/hook/kinds.ts'
import { grouped, rehearse, type RequestBody, requestBody } from '../src/hook/rehearse.ts'
import type { Groups } from '../src/hook/objects.ts'
import { observed } from '../src/hook/request.ts'
import type { SyncResponse } from '../src/hook/response.ts'
import type { Child, Observed, Parent } from '../src/metadata/children.ts'
import { ROLE_LABEL, ROLE_SINCE_ANNOTATION } from '../src/metadata/labels.ts'

export const NOW = new Date('2026-11-23T10:00:00.500Z')
export const LATER = new Date('2026-11-23T11:00:00.500Z')
export const KIND_NAMES = ['redis', 'redis-sentinel'] as const satisfies readonly KindName[]

export interface Resource extends Parent {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Parent['metadata'] & { readonly uid: string }
  readonly spec: object
}

/** `change` overrides the top level; metadata is merged. */
interface Change { metadata?: object, spec?: object | null, status?: object }

const SAMPLE_SPECS = { redis: spec('redis'), 'redis-sentinel': spec('redis-sentinel') }

function spec (name: KindName): object {
  return (parse(text(`manifests/samples/${name}.yaml`)) as { spec: object }).spec
}

export function resource (name: KindName, change: Change = {}): Resource {
  const kind = name === 'redis' ? 'Redis' : 'RedisSentinel'
  const metadata = { name: 'demo', namespace: 'shop', uid: '7d9d5a2e-0000-4000-8000-000000000001', generation: 1, ...change.metadata }
  return { apiVersion: API_VERSION, kind, spec: SAMPLE_SPECS[name], ...change, metadata } as Resource
}

/** The sample's spec with fields changed; `undefined` leaves one out. */
export function redis (fields: object = {}, change: Change = {}): Resource {
  return resource('redis', { spec: { ...SAMPLE_SPECS.redis, ...fields }, ...change })
}

export function redisSentinel (fields: object = {}, change: Change = {}): Resource {
  return resource('redis-sentinel', { spec: { ...SAMPLE_SPECS['redis-sentinel'], ...fields }, ...change })
}

/** A claim of the cluster's default class instead of the sample's folder. */
export const CLAIM = { storage: { size: '1Gi' } }

/** The CompositeController as Metacontroller reads it. */
export function controller (name: KindName): object {
  return parse(text(`metacontroller/${name}.yaml`)) as object
}

export function syncRequest (name: KindName, change: Partial<RequestBody> = {}): RequestBody {
  return { ...requestBody(controller(name), resource(name)), ...change }
}

export function customizeRequest (name: KindName, parent: object = resource(name)): object {
  return { controller: controller(name), parent }
}

export const NOTHING: Observed = { configMaps: [], services: [], statefulSets: [], podDisruptionBudgets: [], networkPolicies: [], roles: [], roleBindings: [], pods: [], volumeClaims: [] }

/** What is observed once `children` exist, each Service with an address and each object with a UID, and `pods`. */
export function observedOf (children: readonly Child[], pods: readonly Pod[] = []): Observed {
  const groups = structuredClone(grouped(children)) as unknown as Groups
  return { ...observed(groups, {}), pods }
}

/** Everything exists and the hook has no more to change. */
export function settled (name: KindName, parent: Parent = resource(name)): { request: RequestBody, response: SyncResponse } {
  return rehearse(name, controller(name), parent, NOW)
}

export function settledObserved (name: KindName, parent: Parent = resource(name), pods: readonly Pod[] = []): Observed {
  return observedOf(settled(name, parent).response.children, pods)
}

interface PodChange { role?: string, since?: string, ready?: boolean, terminating?: boolean, owner?: string, labels?: Record<string, string> }

/** A ready pod of the StatefulSet in its name, as `observedOf` gives that one its UID. */
export function pod (name: string, { role, since, ready = true, terminating = false, owner, labels }: PodChange = {}): Pod {
  const statefulSet = name.replace(/-\d+$/, '')
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'shop',
      labels: { ...labels, ...(role !== undefined && { [ROLE_LABEL]: role }) },
      ...(since !== undefined && { annotations: { [ROLE_SINCE_ANNOTATION]: since } }),
      ...(terminating && { deletionTimestamp: '2026-11-23T10:00:00Z' }),
      ownerReferences: [{
        apiVersion: 'apps/v1', kind: 'StatefulSet', name: statefulSet, uid: owner ?? `uid-StatefulSet-${statefulSet}`, controller: true,
      }],
    },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  }
}

/** Three and three ready pods of `demo`, the first redis labelled master. */
export function pods (): Pod[] {
  return [0, 1, 2].flatMap((ordinal) => [
    pod(`demo-redis-${ordinal}`, { role: ordinal === 0 ? 'master' : 'slave', since: '2026-11-23T09:00:00Z' }),
    pod(`demo-sentinel-${ordinal}`),
  ])
}

/** Frozen at any depth: a write to it throws. */
export function frozen<T> (value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen)
  return value
}

/** A file of the project. */
export function text (path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
}

/** A request as the real Metacontroller sent it. */
export function recorded (name: string): RequestBody {
  return JSON.parse(text(`test/fixtures/requests/${name}.json`)) as RequestBody
}

/** The one child with that kind and name, typed as the caller says. */
export function child<T> (children: readonly Child[], kind: string, name: string): T {
  const found = children.filter((one) => one.kind === kind && one.metadata?.name === name)
  if (found.length !== 1) throw new Error(`${found.length} times ${kind} ${name}; there are ${names(children).join(', ')}`)
  return found[0] as T
}

export function names (children: readonly Child[]): string[] {
  return children.map(({ kind, metadata }) => `${kind} ${metadata?.name}`)
}
