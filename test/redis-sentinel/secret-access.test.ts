import t from 'tap'
import { parse } from 'yaml'
import { secretAccess } from '../../src/redis-sentinel/secret-access.ts'
import { redisSentinel, text } from '../fixtures.ts'

t.test('the probe may get the one Secret that is named, in its namespace, and nothing else', async (t) => {
  const [role, binding] = secretAccess(redisSentinel(), { auth: { secretName: 'password' } })
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
  t.strictSame(secretAccess(redisSentinel(), {}), [])
})

t.test('the certificate\'s Secret as well, once each', async (t) => {
  const names = (auth: string, tls: string) => {
    const [role] = secretAccess(redisSentinel(), { auth: { secretName: auth }, tls: { secretName: tls, clientCertificates: 'optional' } })
    return role && 'rules' in role && role.rules?.[0]?.resourceNames
  }
  t.strictSame(names('b', 'a'), ['a', 'b'])
  t.strictSame(names('both', 'both'), ['both'])
})
