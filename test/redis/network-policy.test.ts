import t from 'tap'
import { syncRedis } from '../../src/redis/sync.ts'
import { networkPolicies } from '../../src/redis/network-policy.ts'
import { child, CLAIM, NOTHING, NOW, redis } from '../fixtures.ts'

const PARTS = { name: 'p', namespace: 'shop', identity: { app: 'redis', component: 'redis', name: 'demo' }, port: 6379, insiders: [] } as const
const SHOP = { podSelector: {}, namespaceSelector: { matchLabels: { team: 'shop' } } }
const EXPORTER = { enable: true, image: 'e', port: 9121 }
const ingress = (settings: object | undefined, exporter?: typeof EXPORTER) => networkPolicies({ ...PARTS, settings, exporter })[0]?.spec

t.test('without the field there is none', async (t) => {
  t.strictSame(networkPolicies({ ...PARTS, settings: undefined }), [])
})

t.test('without clients nobody gets in: no rule at all, for an empty list of peers would be everybody', async (t) => {
  for (const settings of [{}, { clients: [] }]) t.strictSame(ingress(settings), { podSelector: { matchLabels: PARTS.identity }, policyTypes: ['Ingress'] })
  t.strictSame(ingress({ metrics: [] }, EXPORTER)?.ingress, undefined, 'nor to the metrics, when nobody is named')
})

t.test('clients get to the port, and whoever is named to the metrics; everybody when nobody is', async (t) => {
  const port = (number: number) => [{ port: number, protocol: 'TCP' }]
  t.strictSame(ingress({ clients: [SHOP] })?.ingress, [{ ports: port(6379), from: [SHOP] }])
  t.strictSame(ingress({ clients: [SHOP] }, EXPORTER)?.ingress, [{ ports: port(6379), from: [SHOP] }, { ports: port(9121) }])
  t.strictSame(ingress({ metrics: [SHOP] }, EXPORTER)?.ingress, [{ ports: port(9121), from: [SHOP] }])
})

t.test('an empty selector selects everything, and is not left out of the answer', async (t) => {
  const { children } = syncRedis(redis({ ...CLAIM, networkPolicy: { clients: [SHOP] } }), NOTHING, NOW)
  t.match(child(children, 'NetworkPolicy', 'demo-redis'), { spec: { ingress: [{ from: [{ podSelector: {} }] }] } })
  t.match(JSON.stringify(children), '"podSelector":{}')
})
