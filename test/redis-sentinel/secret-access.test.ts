import t from 'tap'
import { parse } from 'yaml'
import { secretAccess } from '../../src/redis-sentinel/secret-access.ts'
import { redisSentinel, text } from '../fixtures.ts'

t.test('the probe may get the one Secret that is named, in its namespace, and nothing else', async (t) => {
  const [role, binding] = secretAccess(redisSentinel(), { secretName: 'password' })
  t.match(role, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'demo-sentinel-probe', namespace: 'shop' },
    rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: ['password'], verbs: ['get'] }],
  })
  t.match(binding, { kind: 'RoleBinding', metadata: { name: 'demo-sentinel-probe', namespace: 'shop' }, roleRef: { kind: 'Role', name: 'demo-sentinel-probe' } })
  t.strictSame(binding && 'subjects' in binding && binding.subjects, [{ kind: 'ServiceAccount', name: 'sentinel-probe', namespace: 'redis-operator' }])
})

t.test('that is the service account of manifests/probe, which has no right on Secrets itself', async (t) => {
  t.match(text('manifests/probe/rbac.yaml'), /kind: ServiceAccount\nmetadata:\n {2}name: sentinel-probe\n/)
  t.equal((parse(text('manifests/probe/kustomization.yaml')) as { namespace: string }).namespace, 'redis-operator')
  t.notMatch(text('manifests/probe/rbac.yaml'), /secrets/)
})

t.test('without a password there is nothing to read', async (t) => {
  t.strictSame(secretAccess(redisSentinel(), undefined), [])
})
