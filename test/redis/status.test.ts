import type { StatefulSetStatus } from 'kubernetes-types/apps/v1.js'
import type { ContainerStatus, PodStatus } from 'kubernetes-types/core/v1.js'
import t from 'tap'
import { appliedVerdict, endpointOf, isReady, missing, phaseOf, podsOf, rolling } from '../../src/redis/status.ts'
import { syncRedis } from '../../src/redis/sync.ts'
import { LATER, NOTHING, NOW, observedOf, pod, redis, settled, settledObserved } from '../fixtures.ts'

const status = (pods: Parameters<typeof settledObserved>[2]) => syncRedis(redis(), settledObserved('redis', redis(), pods), NOW).status
const ready = (pods: Parameters<typeof settledObserved>[2]) => status(pods).conditions?.[0]

t.test('redis is ready when its pod is', async (t) => {
  t.match(ready([pod('demo-redis-0')]), { type: 'Ready', status: 'True', reason: 'Serving' })
  t.equal(status([pod('demo-redis-0')]).phase, 'Ready')
})

const notReady = {
  'no pod': [],
  'a pod that is not ready': [pod('demo-redis-0', { ready: false })],
  'a pod that goes': [pod('demo-redis-0', { terminating: true })],
  'a pod of another StatefulSet with our labels': [pod('demo-redis-0', { owner: 'uid-of-another', labels: { app: 'redis', name: 'demo' } })],
}
for (const [name, pods] of Object.entries(notReady)) {
  t.test(`redis is not ready with ${name}`, async (t) => {
    t.match(ready(pods), { type: 'Ready', status: 'False', reason: 'PodsNotReady' })
    t.equal(status(pods).phase, 'Pending')
  })
}

const stuck: Record<string, [PodStatus, RegExp]> = {
  'a pod that no node takes': [{ conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes are available.' }] },
    /not ready\. demo-redis-0: 0\/3 nodes are available\.$/],
  'an image that is not there': [{ containerStatuses: [waiting('ImagePullBackOff')] }, /demo-redis-0: container redis waits with ImagePullBackOff\.$/],
  'a pod that is just being made': [{ containerStatuses: [waiting('ContainerCreating')] }, /not ready\.$/],
}
for (const [name, [status, message]] of Object.entries(stuck)) {
  t.test(`the condition says what keeps it: ${name}`, async (t) => {
    t.match(ready([{ ...pod('demo-redis-0', { ready: false }), status }]), { reason: 'PodsNotReady', message })
  })
}

function waiting (reason: string): ContainerStatus {
  return { name: 'redis', image: 'redis', imageID: '', ready: false, restartCount: 0, state: { waiting: { reason, message: 'back-off 40s' } } }
}

t.test('a pod belongs to the StatefulSet that controls it, not to one that merely owns it', async (t) => {
  const [statefulSet] = settledObserved('redis').statefulSets
  const owned = pod('demo-redis-0')
  const [reference] = owned.metadata?.ownerReferences ?? []
  const merely = { ...owned, metadata: { ...owned.metadata, ownerReferences: reference ? [{ ...reference, controller: false }] : [] } }
  t.strictSame(podsOf({ ...NOTHING, pods: [owned, merely, {}] }, statefulSet), [owned])
  t.strictSame(podsOf({ ...NOTHING, pods: [owned] }, undefined), [])
  t.notOk(isReady({}))
})

t.test('status is what Kubernetes keeps: the same while nothing changes', async (t) => {
  const observed = settledObserved('redis', redis(), [pod('demo-redis-0')])
  const first = syncRedis(redis(), observed, NOW).status
  t.strictSame(syncRedis(redis({}, { status: first }), observed, LATER).status, first)
})

t.test('the endpoint names no cluster domain, since the hook cannot know it', async (t) => {
  t.equal(endpointOf(redis(), 'demo-svc', 6379), 'demo-svc.shop.svc:6379')
})

t.test('missing children are named once, by kind and name', async (t) => {
  const { children } = settled('redis').response
  t.strictSame(missing(children, observedOf(children)), [])
  t.strictSame(missing([...children, ...children], observedOf(children.filter(({ kind }) => kind === 'Service'))),
    ['ConfigMap demo-config', 'ConfigMap demo-state', 'StatefulSet demo-redis'])
})

t.test('a change that the API server refuses, such as a node port in use, is seen by what stays as it was', async (t) => {
  const observed = settledObserved('redis', redis(), [pod('demo-redis-0')])
  const { status, resyncAfterSeconds } = syncRedis(redis({ nodePort: 30001 }), observed, NOW)
  t.match(status.conditions?.find(({ type }) => type === 'Applied'), { status: 'False', reason: 'ChildrenDiffer', message: /Service demo-svc \(spec\.ports\)/ })
  t.match(status.conditions?.[0], { type: 'Ready', status: 'True' }, 'what runs is as well as before')
  t.equal(resyncAfterSeconds, 5, 'nobody else would tell that it goes by now')
  t.notOk(syncRedis(redis(), observed, NOW).resyncAfterSeconds)
})

t.test('what is missing comes before what is otherwise, and that before what cannot be changed, and before the pods', async (t) => {
  const [absent, otherwise] = [['ConfigMap a'], ['Service b (spec.ports)']]
  const claims = { type: 'Applied', status: 'False', reason: 'ImmutableField', message: 'StatefulSet c' } as const
  const late = ['1 of 3 pods of d are as desired']
  t.match(appliedVerdict({ absent, otherwise, claims, rolling: late }), { status: 'False', reason: 'ChildrenMissing', message: /ConfigMap a/ })
  t.match(appliedVerdict({ absent: [], otherwise, claims, rolling: late }), { status: 'False', reason: 'ChildrenDiffer', message: /Service b \(spec\.ports\)/ })
  t.match(appliedVerdict({ absent: [], otherwise: [], claims, rolling: late }), { status: 'False', reason: 'ImmutableField', message: /StatefulSet c/ })
  t.match(appliedVerdict({ absent: [], otherwise: [], claims: undefined, rolling: late }), { status: 'False', reason: 'RollingOut', message: /^1 of 3 pods of d/ })
  t.match(appliedVerdict({ absent: [], otherwise: [], claims: undefined, rolling: [] }), { status: 'True', reason: 'AllApplied' })
})

t.test('a rolling update is over when every pod has the template that was observed last', async (t) => {
  const observed = settledObserved('redis')
  const [there] = observed.statefulSets
  const told = (status: object | undefined, replicas = 3) => rolling(
    [{ ...there, spec: { ...there!.spec!, replicas } }],
    { ...observed, statefulSets: [{ ...there, metadata: { ...there?.metadata, generation: 2 }, ...(status && { status: status as StatefulSetStatus }) }] },
  )
  t.strictSame(told(undefined), [], 'nobody has looked at it yet, and it will be told')
  t.strictSame(told({ observedGeneration: 1, updatedReplicas: 3 }), ['0 of 3 pods of demo-redis are as desired'], 'the change was not looked at yet')
  t.strictSame(told({ observedGeneration: 2 }), ['0 of 3 pods of demo-redis are as desired'])
  t.strictSame(told({ observedGeneration: 2, updatedReplicas: 2 }), ['2 of 3 pods of demo-redis are as desired'])
  t.strictSame(told({ observedGeneration: 2, updatedReplicas: 3 }), [])
  t.strictSame(told({ observedGeneration: 2, updatedReplicas: 5 }), [], 'scaled down')
  t.strictSame(rolling([there!], { ...observed, statefulSets: [] }), [])
})

t.test('the phase is Error when a person must act, Ready when it serves, else Pending', async (t) => {
  const condition = (type: string, status: 'True' | 'False') => ({ type, status, reason: '-', message: '-', lastTransitionTime: '-' })
  t.equal(phaseOf([condition('Ready', 'True'), condition('SpecValid', 'True')]), 'Ready')
  t.equal(phaseOf([condition('Ready', 'False'), condition('SpecValid', 'True')]), 'Pending')
  t.equal(phaseOf([condition('Ready', 'True'), condition('SpecValid', 'False')]), 'Error')
  t.equal(phaseOf([]), 'Pending')
})
