/** The laws of the hook as properties, and src/hook/kinds.ts and rehearse.ts. */
import fc from 'fast-check'
import t from 'tap'
import { customize, KINDS, type KindName, REVISION, sync } from '../../src/hook/kinds.ts'
import { grouped, rehearse, type RequestBody } from '../../src/hook/rehearse.ts'
import type { SyncResponse } from '../../src/hook/response.ts'
import { controller, frozen, KIND_NAMES, LATER, NOW, resource, settled, syncRequest } from '../fixtures.ts'
import { reversed, somePods, valid } from './arbitraries.ts'

const RUNS = { numRuns: 20 }
const ask = (name: KindName, request: RequestBody, now = NOW): SyncResponse => sync(KINDS[name], KINDS[name].syncRequest.parse(request), now)
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
const DECLARED = new Set(['v1 ConfigMap', 'v1 Service', 'apps/v1 StatefulSet', 'policy/v1 PodDisruptionBudget', 'networking.k8s.io/v1 NetworkPolicy', 'rbac.authorization.k8s.io/v1 Role', 'rbac.authorization.k8s.io/v1 RoleBinding'])

/** A request in any of the states on the way: nothing, the first children, or everything, with any pods. */
const requests = (name: KindName) => fc.tuple(valid(name), fc.nat(2), somePods).map(([parent, rounds, pods]) => {
  let request = syncRequest(name, { parent })
  for (let round = 0; round < rounds; round++) request = { ...request, children: grouped(ask(name, request).children) }
  return { ...request, related: { 'Pod.v1': pods } } as RequestBody
})

/** Every child that was observed is in the answer: one that is missing would be deleted. */
function dropsNone ({ children }: RequestBody, answer: SyncResponse): boolean {
  const wanted = new Set(answer.children.map(({ kind, metadata }) => `${kind} ${metadata?.name}`))
  const there = Object.values(children).flatMap((group) => Object.values(group) as { kind: string, metadata: { name: string } }[])
  return there.every(({ kind, metadata }) => wanted.has(`${kind} ${metadata.name}`))
}

t.test('children of a kind that a newer version has made are never answered away', async (t) => {
  const { request } = settled('redis-sentinel')
  const ingress = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'demo', namespace: 'shop' } }
  const newer = (group: object) => ask('redis-sentinel', { ...request, children: { ...request.children, 'Ingress.networking.k8s.io/v1': group } as RequestBody['children'] })
  t.throws(() => newer({ 'shop/demo': ingress }), /knows no children of the kind Ingress\.networking/)
  t.ok(newer({}).children.length > 0, 'a kind that is only declared is no harm')
})

t.test('the hooks\' revision is in their paths', async (t) => {
  t.equal(REVISION, 'v1')
})

for (const name of KIND_NAMES) {
  t.test(`${name}: the same request gives the same answer, and is left as it was`, async (t) => {
    fc.assert(fc.property(requests(name), (request) => same(ask(name, frozen(request)), ask(name, structuredClone(request)))), RUNS)
    t.pass()
  })

  t.test(`${name}: the order of keys in the request does not show in the answer`, async (t) => {
    fc.assert(fc.property(requests(name), (request) => {
      const [a, b] = [ask(name, request), ask(name, reversed(request))]
      // the order of the keys inside a child is no order either
      t.strictSame(b, a)
      return same(a.children.map(({ kind, metadata }) => [kind, metadata?.name]), b.children.map(({ kind, metadata }) => [kind, metadata?.name]))
    }), { numRuns: 20 })
  })

  t.test(`${name}: children depend on no clock, and a status fed back is the same later`, async (t) => {
    fc.assert(fc.property(requests(name), (request) => {
      const first = ask(name, request)
      const parent = { ...request.parent, status: first.status }
      return same(ask(name, { ...request, parent }, LATER), first)
    }), RUNS)
    t.pass()
  })

  t.test(`${name}: an answer fed back gives the same answer and asks for no more`, async (t) => {
    fc.assert(fc.property(valid(name), (parent) => {
      const { request, response } = rehearse(name, controller(name), parent, NOW)
      return same(ask(name, request), response) && response.resyncAfterSeconds === undefined
    }), RUNS)
    t.pass()
  })

  t.test(`${name}: an answer never has fewer children than what it has led to`, async (t) => {
    fc.assert(fc.property(requests(name), (request) => {
      return dropsNone(request, ask(name, request))
    }), RUNS)
    t.pass()
  })

  t.test(`${name}: whatever part of the children is observed, with or without pods and status, none of them is dropped`, async (t) => {
    fc.assert(fc.property(valid(name), fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), somePods, fc.boolean(), (parent, shown, pods, isStatusLost) => {
      const { request, response } = settled(name, parent)
      let at = 0
      const children = Object.fromEntries(Object.entries(request.children).map(([group, some]) =>
        [group, Object.fromEntries(Object.entries(some).filter(() => shown[at++ % shown.length]))]))
      const status = isStatusLost ? {} : { status: response.status }
      const partly = { ...request, parent: { ...parent, ...status }, children, related: { 'Pod.v1': pods } }
      return dropsNone(partly, ask(name, partly))
    }), { numRuns: 60 })
    t.pass()
  })

  t.test(`${name}: every child has a namespace, common labels, a declared kind and a name of its own`, async (t) => {
    fc.assert(fc.property(valid(name), (parent) => {
      const { children } = settled(name, parent).response
      const names = children.map(({ kind, metadata }) => `${kind} ${metadata?.name}`)
      return new Set(names).size === names.length && children.every(({ apiVersion, kind, metadata }) => DECLARED.has(`${apiVersion} ${kind}`) &&
        metadata?.namespace === 'shop' && (metadata.name?.length ?? 64) <= 63 &&
        metadata.labels?.['app.kubernetes.io/managed-by'] === 'redis-operator' && metadata.labels['app.kubernetes.io/name'] === name)
    }), RUNS)
    t.pass()
  })

  t.test(`${name}: what Metacontroller writes itself is never answered`, async (t) => {
    fc.assert(fc.property(valid(name), (parent) => {
      const { children } = settled(name, parent).response
      return children.every(({ metadata }) => ['uid', 'ownerReferences', 'resourceVersion', 'managedFields'].every((key) => !(key in (metadata ?? {}))) &&
        !('controller-uid' in (metadata?.labels ?? {}))) && children.every((child) => !('status' in child))
    }), RUNS)
    t.pass()
  })

  t.test(`${name}: children of two parents of different names never meet`, async (t) => {
    const [one, other] = ['demo', 'demo2'].map((parent) => settled(name, resource(name, { metadata: { name: parent } })).response.children)
    const names = new Set(one?.map(({ kind, metadata }) => `${kind} ${metadata?.name}`))
    t.notOk(other?.some(({ kind, metadata }) => names.has(`${kind} ${metadata?.name}`)))
  })

  t.test(`${name}: customize depends on the parent's name and namespace alone and names the namespace`, async (t) => {
    const parent = resource(name)
    const rule = (resource: string, matchLabels: object) => ({ apiVersion: 'v1', resource, namespace: 'shop', labelSelector: { matchLabels } })
    const expected = {
      relatedResources: [
        rule('pods', { 'app.kubernetes.io/managed-by': 'redis-operator', app: name, name: 'demo' }),
        rule('persistentvolumeclaims', { app: name, name: 'demo' }),
      ],
    }
    t.strictSame(customize(KINDS[name], parent), expected)
    for (const change of [{ spec: {} }, { spec: null }, { status: { phase: 'Ready' } }, { metadata: { ...parent.metadata, generation: 9, labels: { a: 'b' } } }]) {
      t.strictSame(customize(KINDS[name], { ...parent, ...change }), expected)
    }
    t.match(customize(KINDS[name], resource(name, { metadata: { namespace: 'other', name: 'n'.repeat(200) } })),
      { relatedResources: [{ namespace: 'other', labelSelector: { matchLabels: { name: /^n+-[0-9a-f]{8}$/ } } }] })
  })

  t.test(`${name}: the selectors of customize find the pods and the claims of every StatefulSet`, async (t) => {
    const [pods, claims] = customize(KINDS[name], resource(name)).relatedResources
    for (const child of settled(name).response.children) {
      if (child.kind !== 'StatefulSet' || !('spec' in child)) continue
      t.match(child.spec, { template: { metadata: { labels: pods?.labelSelector.matchLabels } } })
      t.match(child.spec, { selector: { matchLabels: claims?.labelSelector.matchLabels } }, 'which a claim gets as its labels')
    }
  })
}

t.test('a rehearsal gives every Service an address of the documentation\'s range and every object a UID', async (t) => {
  const services = Object.values(settled('redis-sentinel').request.children['Service.v1'] ?? {}) as { metadata: { uid: string }, spec: { clusterIP: string } }[]
  const addresses = services.map(({ spec }) => spec.clusterIP).filter((address) => address !== 'None')
  t.equal(new Set(addresses).size, addresses.length)
  t.ok(addresses.every((address) => address.startsWith('192.0.2.')))
  t.ok(services.every(({ metadata }) => metadata.uid))
})
