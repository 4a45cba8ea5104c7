import fc from 'fast-check'
import t from 'tap'
import { adopted, claimOf, released } from '../../src/embedded/claim.ts'
import { appliedFrom, appliedKey, desiredChildren, plan } from '../../src/embedded/plan.ts'
import { matchesRule, ruleProblem } from '../../src/embedded/related.ts'
import { matchesSelector } from '../../src/embedded/selector.ts'
import { desiredStatus, statusUpdate } from '../../src/embedded/status.ts'
import { parentChanged, parentsOfChild } from '../../src/embedded/triggers.ts'
import type { UpdateMethod } from '../../src/embedded/composite-controller.ts'
import type { KubeObject } from '../../src/embedded/objects.ts'
import type { AppliedCache } from '../../src/embedded/plan.ts'

const parentResource = { apiVersion: 'x.io/v1', resource: 'parents', kind: 'Parent', namespaced: true, hasStatus: true }
const methods = new Map<string, UpdateMethod>([
  ['ConfigMap.v1', 'InPlace'], ['StatefulSet.apps/v1', 'InPlace'], ['PodDisruptionBudget.policy/v1', 'InPlace'], ['Secret.v1', 'OnDelete'],
])

function parent (metadata: object = {}): KubeObject {
  return { apiVersion: 'x.io/v1', kind: 'Parent', metadata: { name: 'p', namespace: 'ns', uid: 'u', generation: 3, ...metadata } }
}

function child (name: string, metadata: object = {}, kind = 'ConfigMap', apiVersion = 'v1'): KubeObject {
  return { apiVersion, kind, metadata: { name, namespace: 'ns', ...metadata } }
}

const ours = { labels: { 'controller-uid': 'u' } }
const owned = (uid: string) => ({ ownerReferences: [{ apiVersion: 'x.io/v1', kind: 'Parent', name: 'p', uid, controller: true }] })
const deleting = { deletionTimestamp: '2026-01-01T00:00:00Z' }

await t.test('claiming', (t) => {
  for (const [what, owner, object, claim] of [
    ['an owned object with the label is a child', parent(), child('a', { ...ours, ...owned('u') }), 'claimed'],
    ['even when both are being deleted', parent(deleting), child('a', { ...ours, ...owned('u'), ...deleting }), 'claimed'],
    ['an owned object without the label is released', parent(), child('a', owned('u')), 'release'],
    ['but not by a parent that is being deleted', parent(deleting), child('a', owned('u')), 'ignored'],
    ['an orphan with the label is adopted', parent(), child('a', ours), 'adopt'],
    ['but not by a parent that is being deleted', parent(deleting), child('a', ours), 'ignored'],
    ['and not when it is itself being deleted', parent(), child('a', { ...ours, ...deleting }), 'ignored'],
    ['an orphan without the label is nobody\'s', parent(), child('a'), 'ignored'],
    ['what another controller owns is invisible', parent(), child('a', { ...ours, ...owned('other') }), 'ignored'],
  ] as const) t.equal(claimOf(owner, object), claim, what)
  t.equal(claimOf(parent(), adopted(parent(), child('a', ours))), 'claimed', 'what was adopted is a child')
  t.strictSame(released(parent(), child('a', owned('u'))).metadata.ownerReferences, [])
  t.end()
})

await t.test('the plan deletes first and goes by group, version and kind', (t) => {
  const steps = plan({
    parent: parent(),
    observed: [child('old', owned('u')), child('going', { ...owned('u'), ...deleting })],
    desired: [child('b', {}, 'PodDisruptionBudget', 'policy/v1'), child('s', {}, 'StatefulSet', 'apps/v1'), child('c2'), child('c1')],
    methods,
    applied: new Map(),
  })
  t.strictSame(steps.map((step) => [step.type, (step.type === 'delete' ? step.observed : step.desired).metadata.name]),
    [['delete', 'old'], ['create', 'c1'], ['create', 'c2'], ['create', 's'], ['create', 'b']])
  t.end()
})

await t.test('what is applied is owned by the parent and says nothing that is the server\'s', (t) => {
  const desired = { ...child('a', { uid: 'x', resourceVersion: '1', generation: 4, creationTimestamp: null, managedFields: [] }), status: { a: 1 }, data: { k: 'v' } }
  const [step] = plan({ parent: parent(), observed: [], desired: [desired], methods, applied: new Map() })
  t.strictSame(step?.type === 'create' && step.desired, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    data: { k: 'v' },
    metadata: {
      name: 'a',
      namespace: 'ns',
      ownerReferences: [{ apiVersion: 'x.io/v1', kind: 'Parent', name: 'p', uid: 'u', controller: true, blockOwnerDeletion: true }],
    },
  })
  t.end()
})

await t.test('observed children are left alone while they are deleted, and with OnDelete', (t) => {
  const observed = [child('a', deleting), child('s', {}, 'Secret')]
  const steps = plan({ parent: parent(), observed, desired: [child('a'), child('s', {}, 'Secret')], methods, applied: new Map() })
  t.strictSame(steps.map((step) => step.type === 'skip' && step.reason), ['child is pending deletion', 'update strategy'])
  t.end()
})

await t.test('an apply is repeated when the desired object, the uid, the generation or, without one, the resourceVersion changes', (t) => {
  const applied: AppliedCache = new Map()
  const types = (observed: KubeObject, data = '1') =>
    plan({ parent: parent(), observed: [observed], desired: [{ ...child('a'), data: { data } }], methods, applied }).map(({ type }) => type)
  const [first] = plan({ parent: parent(), observed: [], desired: [{ ...child('a'), data: { data: '1' } }], methods, applied })
  const remember = (answer: KubeObject) => applied.set(appliedKey(answer), appliedFrom(answer, first?.type === 'create' ? first.hash : ''))

  remember(child('a', { uid: 'x', resourceVersion: '7' }))
  t.strictSame(types(child('a', { uid: 'x', resourceVersion: '7' })), ['skip'])
  t.strictSame(types(child('a', { uid: 'x', resourceVersion: '8' })), ['apply'])
  t.strictSame(types(child('a', { uid: 'y', resourceVersion: '7' })), ['apply'])
  t.strictSame(types(child('a', { uid: 'x', resourceVersion: '7' }), '2'), ['apply'])

  remember(child('a', { uid: 'x', resourceVersion: '7', generation: 2 }))
  t.strictSame(types(child('a', { uid: 'x', resourceVersion: '8', generation: 2 })), ['skip'])
  t.strictSame(types(child('a', { uid: 'x', resourceVersion: '8', generation: 3 })), ['apply'])
  t.end()
})

const names = fc.uniqueArray(fc.constantFrom<string>('a', 'b', 'c', 'd', 'e', 'f'))

await t.test('property: carrying the plan out leaves exactly the desired, and planning again leaves nothing to do', (t) => {
  fc.assert(fc.property(names, names, (before, after) => {
    const applied: AppliedCache = new Map()
    let revision = 0
    const world = new Map(before.map((name) => [name, child(name, { ...ours, ...owned('u'), uid: `old-${name}`, resourceVersion: '0' })]))
    const desired = desiredChildren(parent(), after.map((name) => child(name)), methods)
    const round = () => plan({ parent: parent(), observed: [...world.values()], desired, methods, applied })
    for (const step of round()) {
      if (step.type === 'delete') world.delete(step.observed.metadata.name)
      if (step.type !== 'create' && step.type !== 'apply') continue
      const answer = { ...step.desired, metadata: { ...step.desired.metadata, uid: `uid-${step.desired.metadata.name}`, resourceVersion: String(++revision) } }
      world.set(answer.metadata.name, answer)
      applied.set(appliedKey(answer), appliedFrom(answer, step.hash))
    }
    t.strictSame([...world.keys()].toSorted(), after.toSorted())
    t.ok(round().every(({ type }) => type === 'skip'))
  }), { numRuns: 50 })
  t.end()
})

await t.test('property: the order of a hook\'s children and of their fields changes nothing', (t) => {
  fc.assert(fc.property(fc.shuffledSubarray(['a', 'b', 'c', 'd'], { minLength: 4 }), (order) => {
    const stepsOf = (list: KubeObject[]) => plan({ parent: parent(), observed: [], desired: list, methods, applied: new Map() })
      .map((step) => step.type === 'create' && [step.desired.metadata.name, step.hash])
    const reversed = ({ apiVersion, kind, metadata }: KubeObject): KubeObject => ({ metadata, kind, apiVersion })
    t.strictSame(stepsOf(order.map((name) => reversed(child(name)))), stepsOf(['a', 'b', 'c', 'd'].map((name) => child(name))))
  }), { numRuns: 24 })
  t.end()
})

await t.test('desired children get the parent\'s namespace and label; of two with one name the last counts', (t) => {
  const first: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { n: 1 } }
  t.strictSame(desiredChildren(parent(), [first, { ...first, data: { n: 2 } }], methods),
    [{ ...first, data: { n: 2 }, metadata: { name: 'a', namespace: 'ns', labels: { 'controller-uid': 'u' } } }])
  t.throws(() => desiredChildren(parent(), [child('a', {}, 'Role')], methods), /childResources/)
  t.throws(() => desiredChildren(parent(), [child('a', { labels: { 'controller-uid': 'z' } })], methods), /don't match parent selector/)
  t.end()
})

await t.test('the status is the hook\'s with the synced generation, and is written only when it differs', (t) => {
  const status = desiredStatus(parent(), { phase: 'Ready', observedGeneration: 99 })
  t.strictSame(status, { phase: 'Ready', observedGeneration: 3 })
  t.strictSame(desiredStatus(parent(), null), { observedGeneration: 3 })
  t.equal(statusUpdate({ ...parent(), status: { observedGeneration: 3, phase: 'Ready' } }, status), undefined)
  t.strictSame(statusUpdate({ ...parent(), status: { phase: 'Ready', observedGeneration: 3, left: 1 } }, status)?.status, status)
  t.end()
})

await t.test('ignoreStatusChanges lets pass what is not the status alone', (t) => {
  const updated = (metadata: object) => ({ type: 'updated' as const, old: parent(), object: { ...parent(metadata), status: { a: 1 } } })
  t.notOk(parentChanged(updated({ resourceVersion: '9' }), true))
  t.ok(parentChanged(updated({ resourceVersion: '9' }), false))
  for (const change of [{ generation: 4 }, { labels: { a: 'b' } }, { annotations: { a: 'b' } }, deleting]) t.ok(parentChanged(updated(change), true))
  t.ok(parentChanged({ type: 'added', object: parent() }, true))
  t.end()
})

await t.test('a child wakes the parent that controls it, by uid; an orphan those that could adopt it', (t) => {
  const parents = { resource: parentResource, get: (key: string) => key === 'ns/p' ? parent() : undefined, list: () => [parent(), parent({ uid: 'v', name: 'q' })] }
  const woken = (object: KubeObject, type: 'added' | 'deleted' = 'added') => parentsOfChild({ type, object }, parents).map(({ metadata }) => metadata.uid)
  t.strictSame(woken(child('a', owned('u'))), ['u'])
  t.strictSame(woken(child('a', owned('u')), 'deleted'), ['u'])
  t.strictSame(woken(child('a', owned('before'))), [], 'a parent of the same name before this one')
  t.strictSame(woken(child('a', { ownerReferences: [{ ...owned('u').ownerReferences[0], kind: 'Other' }] })), [])
  t.strictSame(woken(child('a', ours)), ['u'])
  t.strictSame(woken(child('a', ours), 'deleted'), [])
  t.strictSame(woken(child('a', { ...ours, namespace: 'elsewhere' })), [])
  t.end()
})

await t.test('label selectors', (t) => {
  const labels = { app: 'redis', tier: 'db' }
  for (const [selector, matches] of [
    [{}, true],
    [{ matchLabels: { app: 'redis' } }, true],
    [{ matchLabels: { app: 'redis', x: 'y' } }, false],
    [{ matchExpressions: [{ key: 'app', operator: 'In' as const, values: ['a', 'redis'] }] }, true],
    [{ matchExpressions: [{ key: 'x', operator: 'In' as const, values: ['a'] }] }, false],
    [{ matchExpressions: [{ key: 'x', operator: 'NotIn' as const, values: ['a'] }] }, true],
    [{ matchExpressions: [{ key: 'tier', operator: 'Exists' as const }, { key: 'x', operator: 'DoesNotExist' as const }] }, true],
    [{ matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' as const }] }, false],
  ] as const) t.equal(matchesSelector(selector as Parameters<typeof matchesSelector>[0], labels), matches, JSON.stringify(selector))
  t.end()
})

await t.test('related rules select by namespace, names and labels; without a namespace, everywhere', (t) => {
  const pods = { apiVersion: 'v1', resource: 'pods', kind: 'Pod', namespaced: true, hasStatus: true }
  const rule = { apiVersion: 'v1', resource: 'pods' }
  const pod = child('p-0', { labels: { a: 'b' } }, 'Pod')
  t.ok(matchesRule(rule, pods, pod))
  t.ok(matchesRule({ ...rule, namespace: 'ns', names: ['p-0'] }, pods, pod))
  t.notOk(matchesRule({ ...rule, namespace: 'other' }, pods, pod))
  t.notOk(matchesRule({ ...rule, names: ['p-1'] }, pods, pod))
  t.notOk(matchesRule({ ...rule, labelSelector: { matchLabels: { a: 'c' } } }, pods, pod))
  t.ok(matchesRule({ ...rule, namespace: 'ns' }, { ...pods, namespaced: false }, child('node', { namespace: undefined })))
  t.match(ruleProblem({ ...rule, names: ['a'], labelSelector: {} }), /names and labelSelector/)
  t.match(ruleProblem({ ...rule, namespace: 'a', namespaceSelector: {} }), /namespace and namespaceSelector/)
  t.match(ruleProblem({ ...rule, namespaceSelector: {} }), /not implemented/)
  t.equal(ruleProblem({ ...rule, namespace: 'a', names: ['b'] }), undefined)
  t.end()
})
