/** Writes the role labels that `decide` decided on: one after the other, for their order is the point. */
import { setTimeout as sleep } from 'node:timers/promises'
import { MASTER_ROLE, type Role } from '../metadata/labels.ts'
import { hasStatus } from './api-client.ts'
import type { Action } from './decide.ts'
import { publishEndpoint } from './endpoints.ts'
import type { PodFacts } from './inventory.ts'
import { labelPatch } from './label-patch.ts'
import { PATCH_DEADLINE_MS, type PerformDeps, type Target } from './perform.ts'
import type { KubeObject } from './reflector.ts'

export type Labelling = Extract<Action, { kind: 'label' }>

/** The next look waits no longer for labels that no client of the master waits for: one that hangs must not delay a failover. */
const TRAILING_MS = 200

/** Resolves to whether all of it succeeded, as far as it waits. */
export async function labelInOrder (labellings: readonly Labelling[], target: Target, deps: PerformDeps): Promise<boolean> {
  const at = labellings.findIndex(({ role }) => role === MASTER_ROLE)
  const crown = labellings[at]
  const successor = crown?.pod.uid
  // Before the old label goes: a Service without endpoints would be the change that makes kube-proxy deaf for a second.
  if (successor !== undefined) await publish(successor, target, deps)
  // A label that could not be removed must not be given to another pod: the first failure ends the run.
  for (const action of labellings.slice(0, Math.max(at, 0))) if (!deps.mayAct() || !await writeLabel(action, target, deps)) return false
  // What comes after the new master's is no condition of it, and in between the Service leads to the old master as well.
  const results = await Promise.all([
    crown ? deps.mayAct() && writeLabel(crown, target, deps) : true,
    Promise.race([trail(labellings.slice(at + 1), target, deps), sleep(TRAILING_MS, true)]),
  ])
  // The controller may have seen the new label before the old one was gone, and looks again a second later. Nobody waits for this.
  if (successor !== undefined && labellings.length > 1 && results.every(Boolean)) publish(successor, target, deps).catch(() => {})
  return results.every(Boolean)
}

/** What is under way already is not asked for once more. */
async function trail (labellings: readonly Labelling[], target: Target, deps: PerformDeps): Promise<boolean> {
  const { underWay } = target
  const results = await Promise.all(labellings.filter(({ pod: { uid } }) => !underWay.has(uid)).map(async (action) => {
    underWay.add(action.pod.uid)
    try {
      return deps.mayAct() && await writeLabel(action, target, deps)
    } finally {
      underWay.delete(action.pod.uid)
    }
  }))
  return results.every(Boolean)
}

async function writeLabel (action: Labelling, target: Target, deps: PerformDeps): Promise<boolean> {
  const { api, log, metrics, now, date, putPod } = deps
  const { pod: { pod, uid, masterSince }, role, reason } = action
  const facts = target.view.pods.find((candidate) => candidate.uid === uid)
  if (!facts) return false
  const fields = { namespace: facts.namespace, pod, role, reason }
  try {
    const answer = await api.request<KubeObject>('PATCH', `/api/v1/namespaces/${facts.namespace}/pods/${pod}`, {
      body: labelPatch(facts, role, rfc3339(date())),
      contentType: 'application/json-patch+json',
      lane: 'urgent',
      deadlineMs: PATCH_DEADLINE_MS,
      mayStart: deps.mayAct,
    })
    putPod(answer)
  } catch (err) {
    if (hasStatus(err, 409, 422)) await readAgain(facts, deps)
    return patchFailed(err, fields, deps)
  }
  metrics.patches.inc({ result: 'ok' })
  if (role !== MASTER_ROLE) {
    log.info(fields, 'role label written')
    return true
  }
  const lag = now() - (masterSince ?? now())
  metrics.labelLag.observe(lag / 1000)
  metrics.masterChanges.inc({ namespace: facts.namespace, name: target.subject.name, reason })
  log.info({ ...fields, lagMs: Math.round(lag) }, 'role label written')
  deps.publishEvent(target.subject, 'MasterChanged', `pod ${pod} is the master now (${reason})`)
  return true
}

/** The master Service leads to that pod. Never rejects: when it fails, the label does the same a little later. */
export async function publish (uid: string, { subject, view }: Target, deps: PerformDeps): Promise<void> {
  const pod = view.pods.find((candidate) => candidate.uid === uid)
  if (!pod) return
  try {
    await publishEndpoint(deps, view.sliceFor(pod), subject.name, pod, deps.mayAct)
  } catch (err) {
    deps.log.debug({ namespace: pod.namespace, pod: pod.name, err }, 'slice not written')
  }
}

/** The pod was changed, or made anew under its name, and the watch may be late: its own answer is the newest. Never rejects. */
async function readAgain ({ namespace, name }: PodFacts, { api, putPod }: PerformDeps): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods?fieldSelector=${encodeURIComponent(`metadata.name=${name}`)}`
  const options = { lane: 'urgent', deadlineMs: PATCH_DEADLINE_MS } as const
  const { items } = await api.request<{ items: readonly KubeObject[] }>('GET', path, options).catch(() => ({ items: [] }))
  for (const pod of items) if (pod.metadata.name === name) putPod(pod)
}

function patchFailed (err: unknown, fields: { readonly role: Role }, { log, metrics, mayAct }: PerformDeps): boolean {
  // 404: the pod no longer exists, so its label is gone too. A success, unless it was to be the master.
  if (hasStatus(err, 404)) {
    metrics.patches.inc({ result: 'gone' })
    log.info(fields, 'pod to be labelled is gone')
    return fields.role !== MASTER_ROLE
  }
  const stale = hasStatus(err, 409, 422) || !mayAct()
  metrics.patches.inc({ result: stale ? 'stale' : 'error' })
  if (stale) log.info(fields, 'role label changed meanwhile, or another probe is active: looking again')
  else log.warn({ ...fields, err }, 'role label not written')
  return false
}

function rfc3339 (date: Date): string {
  return date.toISOString().replace(/\.\d+/, '')
}
