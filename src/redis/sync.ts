/** Redis: parent and observed children -> desired children and status. Start reading here. */
import { type Redis, redisProblems, RedisSpec, type RedisStatus } from '../api/redis.ts'
import { prune } from '../metadata/canonical.ts'
import { type Answer, byName, type Observed, type Parent } from '../metadata/children.ts'
import type { Identity } from '../metadata/labels.ts'
import { redisNames } from '../metadata/names.ts'
import { REDIS_PORT } from './exporter.ts'
import { networkPolicies } from './network-policy.ts'
import { redisConfigMap } from './config-map.ts'
import { keepImmutable } from './pod.ts'
import { secretAccess } from './secret-access.ts'
import { redisServices } from './services.ts'
import { resolveSpec, stateConfigMap } from './state.ts'
import { redisStatefulSet } from './stateful-set.ts'
import { appliedVerdict, differing, missing, redisStatus, refused, RESYNC_SECONDS, rolling } from './status.ts'
import { claimsVerdict } from './volume-claims.ts'

export function redisIdentity (parent: Parent): Identity {
  return { app: 'redis', component: 'redis', name: redisNames(parent.metadata.name).prefix }
}

export function syncRedis (parent: Redis | Parent, observed: Observed, now: Date): Answer<RedisStatus> {
  const names = redisNames(parent.metadata.name)
  const { spec, verdicts } = resolveSpec(parent, observed, names.state, RedisSpec, redisProblems)
  if (!spec) return refused(parent, verdicts, now)

  const identity = redisIdentity(parent)
  const statefulSet = prune(redisStatefulSet(parent, spec, identity))
  // the observed claims and the user's peers are passed on as they are, what is empty in them included: after prune
  const children = [...prune([
    redisConfigMap(parent, spec, identity),
    stateConfigMap(parent, names.state, identity, spec),
    ...redisServices(parent, spec, identity),
    // the probe has nothing to do with a single Redis but for this
    ...(spec.binding?.enable
      ? secretAccess({
        name: names.secretAccess, namespace: parent.metadata.namespace, identity, read: [spec.auth?.secretName], written: names.binding,
      })
      : []),
  ]), ...networkPolicies({
    name: names.networkPolicy,
    namespace: parent.metadata.namespace,
    identity,
    port: REDIS_PORT,
    settings: spec.networkPolicy,
    insiders: [],
    exporter: spec.exporter,
  }), keepImmutable(statefulSet, byName(observed.statefulSets, names.statefulSet))]
  const absent = missing(children, observed)
  const otherwise = differing(children, observed)
  const claims = claimsVerdict([statefulSet], observed)
  const applied = appliedVerdict({ absent, otherwise, claims, rolling: rolling([statefulSet], observed) })
  return {
    status: redisStatus({ parent, spec, observed, verdicts, applied }, now),
    children,
    ...(absent.length + otherwise.length > 0 && { resyncAfterSeconds: RESYNC_SECONDS }),
  }
}
