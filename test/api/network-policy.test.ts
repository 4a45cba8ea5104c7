import t from 'tap'
import { NetworkPolicySettings } from '../../src/api/network-policy.ts'

t.test('peers are Kubernetes\' own and passed on as they are', async (t) => {
  const settings = { clients: [{ podSelector: {}, namespaceSelector: { matchLabels: { a: 'b' } } }], metrics: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }] }
  t.strictSame(NetworkPolicySettings.parse(settings), settings)
  t.strictSame(NetworkPolicySettings.parse({}), {})
  for (const wrong of [{ clients: {} }, { clients: ['all'] }, { metrics: Array(33).fill({}) }]) t.notOk(NetworkPolicySettings.safeParse(wrong).success)
})
