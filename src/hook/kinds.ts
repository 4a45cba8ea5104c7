/** The kinds that the hook serves, by their name in the URL: request in, response out, still pure. */
import type { z } from 'zod'
import type { Observed, Parent } from '../metadata/children.ts'
import { type Identity, MANAGED_BY } from '../metadata/labels.ts'
import { syncRedis, redisIdentity } from '../redis/sync.ts'
import { identity } from '../redis-sentinel/identity.ts'
import { syncRedisSentinel } from '../redis-sentinel/sync.ts'
import { CHILD_GROUPS, type Groups } from './objects.ts'
import {
  observed, RedisCustomizeRequest, RedisSentinelCustomizeRequest, RedisSentinelSyncRequest, RedisSyncRequest
} from './request.ts'
import { checkResponse, type CustomizeResponse, type RelatedRule, type SyncResponse } from './response.ts'

/**
 * Revision of the hook's contract, in its URLs. A new release with another revision changes the CompositeControllers, so
 * that every parent is synced anew, and an old webhook answers 429 to it instead of flapping (metacontroller.md 10.5).
 */
export const REVISION = 'v1'

type SyncRequest = z.infer<typeof RedisSyncRequest> | z.infer<typeof RedisSentinelSyncRequest>

export interface Kind {
  readonly syncRequest: typeof RedisSyncRequest | typeof RedisSentinelSyncRequest
  readonly customizeRequest: typeof RedisCustomizeRequest | typeof RedisSentinelCustomizeRequest
  readonly sync: (parent: Parent, observed: Observed, now: Date) => SyncResponse
  readonly identity: (parent: Parent) => Identity
}

export const KINDS = {
  redis: {
    syncRequest: RedisSyncRequest,
    customizeRequest: RedisCustomizeRequest,
    sync: syncRedis,
    identity: redisIdentity,
  },
  'redis-sentinel': {
    syncRequest: RedisSentinelSyncRequest,
    customizeRequest: RedisSentinelCustomizeRequest,
    sync: syncRedisSentinel,
    identity: (parent) => identity(parent, 'redis'),
  },
} as const satisfies Record<string, Kind>
export type KindName = keyof typeof KINDS

/** Pure: the same request at the same `now` gives the same answer. Throws when no right answer is possible (a 500). */
export function sync (kind: Kind, { controller, parent, children, related }: SyncRequest, now: Date): SyncResponse {
  refuseUnknown(children)
  const answer = kind.sync(parent, observed(children, related ?? {}), now)
  return checkResponse(answer, controller, parent.metadata.namespace)
}

/**
 * A newer version of the operator may have made children of a kind that this one knows nothing of: an answer without them would delete
 * them (metacontroller.md 1.4).
 */
function refuseUnknown (children: Groups): void {
  const unknown = Object.keys(children).find((group) => !CHILD_GROUPS.includes(group) && Object.keys(children[group] ?? {}).length > 0)
  if (unknown !== undefined) throw new Error(`this version of the webhook knows no children of the kind ${unknown}`)
}

/** Depends on the parent's name and namespace alone: Metacontroller caches it by generation (metacontroller.md 5). */
export function customize (kind: Kind, parent: Parent): CustomizeResponse {
  const { app, name } = kind.identity(parent)
  const rule = (resource: string, matchLabels: Record<string, string>): RelatedRule =>
    ({ apiVersion: 'v1', resource, namespace: parent.metadata.namespace, labelSelector: { matchLabels } })
  return {
    relatedResources: [
      rule('pods', { 'app.kubernetes.io/managed-by': MANAGED_BY, app, name }),
      // a StatefulSet gives its claims the labels of its selector and no other
      rule('persistentvolumeclaims', { app, name }),
    ],
  }
}
