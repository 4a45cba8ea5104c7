import t from 'tap'
import { parse } from 'yaml'
import { secretAccess } from '../../src/redis/secret-access.ts'
import { syncRedis } from '../../src/redis/sync.ts'
import { syncRedisSentinel } from '../../src/redis-sentinel/sync.ts'
import { NOTHING, NOW, redis, redisSentinel, text } from '../fixtures.ts'

const PARTS = { name: 'demo-sentinel-probe', namespace: 'shop', identity: { app: 'redis-sentinel', component: 'redis', name: 'demo' } } as const
const rules = (read: (string | undefined)[], written?: string) => {
  const [role] = secretAccess({ ...PARTS, read, written })
  return role && 'rules' in role ? role.rules : undefined
}

t.test('the probe may get the Secrets that are named, once each, in their namespace, and nothing else', async (t) => {
  const [role, binding, ...more] = secretAccess({ ...PARTS, read: ['password', undefined, 'cert', 'password'], written: undefined })
  t.equal(more.length, 0)
  t.match(role, { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'demo-sentinel-probe', namespace: 'shop' } })
  t.strictSame(rules(['password', undefined, 'cert', 'password']), [{ apiGroups: [''], resources: ['secrets'], resourceNames: ['cert', 'password'], verbs: ['get'] }])
  t.match(binding, { kind: 'RoleBinding', metadata: { name: 'demo-sentinel-probe', namespace: 'shop' }, roleRef: { kind: 'Role', name: 'demo-sentinel-probe' } })
  t.strictSame(binding && 'subjects' in binding && binding.subjects, [{ kind: 'ServiceAccount', name: 'sentinel-probe', namespace: 'redis-operator' }])
})

t.test('and write the one for applications, by its name', async (t) => {
  t.strictSame(rules([], 'demo-binding'), [{ apiGroups: [''], resources: ['secrets'], resourceNames: ['demo-binding'], verbs: ['get', 'create', 'patch'] }])
  t.equal(rules(['password'], 'demo-binding')?.length, 2)
})

t.test('that is the service account of manifests/probe, which has no right on Secrets itself', async (t) => {
  t.match(text('manifests/probe/rbac.yaml'), /kind: ServiceAccount\nmetadata:\n {2}name: sentinel-probe\n/)
  t.equal((parse(text('manifests/probe/kustomization.yaml')) as { namespace: string }).namespace, 'redis-operator')
  t.notMatch(text('manifests/probe/rbac.yaml'), /secrets/)
})

t.test('where there is nothing to read or write there is no Role; a single Redis needs one for its binding alone', async (t) => {
  t.strictSame(secretAccess({ ...PARTS, read: [undefined], written: undefined }), [])
  const roles = (answer: { children: readonly { kind?: string }[] }) => answer.children.filter(({ kind }) => kind === 'Role' || kind === 'RoleBinding').length
  const auth = { auth: { secretName: 'password' } }
  t.equal(roles(syncRedis(redis(auth), NOTHING, NOW)), 0)
  t.equal(roles(syncRedis(redis({ ...auth, binding: { enable: true } }), NOTHING, NOW)), 2)
  t.equal(roles(syncRedisSentinel(redisSentinel(), NOTHING, NOW)), 0)
  t.equal(roles(syncRedisSentinel(redisSentinel(auth), NOTHING, NOW)), 2)
  t.equal(roles(syncRedisSentinel(redisSentinel({ binding: { enable: true } }), NOTHING, NOW)), 2)
})

t.test('the status names the Secret for applications', async (t) => {
  t.strictSame(syncRedis(redis({ binding: { enable: true } }), NOTHING, NOW).status.binding, { name: 'demo-binding' })
  t.strictSame(syncRedisSentinel(redisSentinel({ binding: { enable: true } }), NOTHING, NOW).status.binding, { name: 'demo-binding' })
  t.equal(syncRedisSentinel(redisSentinel({ binding: { enable: false } }), NOTHING, NOW).status.binding, undefined)
})
