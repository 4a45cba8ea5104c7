/** docs/changes.md against the hook: for every field of both specs, whose pods restart when it is changed. */
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import t from 'tap'
import { RedisSentinelSpec } from '../src/api/redis-sentinel.ts'
import { RedisSpec } from '../src/api/redis.ts'
import { KINDS, type KindName, sync } from '../src/hook/kinds.ts'
import { CLAIM, KIND_NAMES, NOW, redis, redisSentinel, settled, text } from './fixtures.ts'

const EXPORTER = { enable: true, image: 'exporter:1', port: 9121 }
const BASE = { ...CLAIM, exporter: EXPORTER, tls: { secretName: 'cert' } }
/** Every field, and a value that is not the sample's. */
const CHANGES: Record<string, object> = {
  image: { image: 'redis:9' },
  sentinelImage: { sentinelImage: 'redis:9' },
  redisReplicas: { redisReplicas: 5 },
  sentinelReplicas: { sentinelReplicas: 3 },
  masterNodePort: { masterNodePort: 30001 },
  nodePort: { nodePort: 30002 },
  sentinelNodePort: { sentinelNodePort: 30003 },
  'storage.size': { storage: { size: '2Gi' } },
  'storage.hostPath': { storage: { hostPath: '/var/lib/x' } },
  'storage.storageClassName': { storage: { size: '1Gi', storageClassName: 'fast' } },
  'exporter.enable': { exporter: { ...EXPORTER, enable: false } },
  'exporter.image': { exporter: { ...EXPORTER, image: 'exporter:2' } },
  'exporter.port': { exporter: { ...EXPORTER, port: 9122 } },
  'exporter.resources': { exporter: { ...EXPORTER, resources: { limits: { memory: '1Gi' } } } },
  masterName: { masterName: 'other' },
  quorum: { quorum: 3 },
  downAfterMilliseconds: { downAfterMilliseconds: 4321 },
  failoverTimeout: { failoverTimeout: 4321 },
  config: { config: { databases: '32' } },
  auth: { auth: { secretName: 'password' } },
  'tls.secretName': { tls: { secretName: 'other' } },
  'tls.clientCertificates': { tls: { secretName: 'cert', clientCertificates: 'required' } },
  paused: { paused: true },
  binding: { binding: { enable: true } },
  networkPolicy: { networkPolicy: { clients: [{ podSelector: {} }] } },
  sentinelConfig: { sentinelConfig: { loglevel: 'verbose' } },
  'storage.accessModes': { storage: { size: '1Gi', accessModes: ['ReadWriteOncePod'] } },
  'storage.retention': { storage: { size: '1Gi', retention: { whenDeleted: 'Delete', whenScaled: 'Retain' } } },
  pod: { pod: { nodeSelector: { disk: 'fast' } } },
  redisPod: { redisPod: { nodeSelector: { disk: 'fast' } } },
  sentinelPod: { sentinelPod: { priorityClassName: 'high' } },
  service: { service: { type: 'LoadBalancer' } },
  masterService: { masterService: { annotations: { a: 'b' } } },
  replicaService: { replicaService: { type: 'LoadBalancer' } },
  sentinelService: { sentinelService: { type: 'LoadBalancer' } },
}

function fields (shape: Record<string, unknown>): string[] {
  const nested: Record<string, string[]> = { storage: ['size', 'hostPath', 'storageClassName', 'accessModes', 'retention'], exporter: ['enable', 'image', 'port', 'resources'], tls: ['secretName', 'clientCertificates'] }
  return Object.keys(shape).flatMap((name) => nested[name]?.map((inner) => `${name}.${inner}`) ?? [name])
}

const FIELDS: Record<KindName, string[]> = { redis: fields(RedisSpec.shape), 'redis-sentinel': fields(RedisSentinelSpec.shape) }

/** Rows of the table under a heading: field -> redis pods, sentinel pods. */
function documented (name: KindName): Map<string, [string, string]> {
  const heading = name === 'redis' ? 'Redis' : 'RedisSentinel'
  const [, section = ''] = text('docs/changes.md').split(new RegExp(`^## ${heading}$`, 'm'))
  const rows = (section.split(/^## /m)[0] ?? '').split('\n').filter((line) => line.startsWith('| `'))
  return new Map(rows.map((row) => row.split('|').map((cell) => cell.trim())).map(([, field = '', first = '', second = '']) => [field.replaceAll('`', ''), [first, second]]))
}

/** Whose pod template is another one after the change. */
function restarted (name: KindName, change: object): string[] {
  const resource = name === 'redis' ? redis : redisSentinel
  const before = settled(name, resource(BASE))
  const parent = resource({ ...BASE, ...change })
  const { children } = sync(KINDS[name], KINDS[name].syncRequest.parse({ ...before.request, parent }), NOW)
  const templates = (all: readonly { kind?: string }[]) => new Map((all as StatefulSet[]).filter(({ kind }) => kind === 'StatefulSet')
    .map((one) => [one.metadata?.name, JSON.stringify(one.spec?.template)]))
  const old = templates(before.response.children)
  return [...templates(children)].filter(([set, template]) => template !== old.get(set)).map(([set]) => set?.endsWith('-sentinel') ? 'sentinel' : 'redis')
}

for (const name of KIND_NAMES) {
  const table = documented(name)
  t.test(`${name}: every field is in the table, and no other`, async (t) => {
    t.strictSame([...table.keys()].sort(), FIELDS[name].sort())
  })

  for (const [field, cells] of table) {
    if (cells[0] === 'refused') continue
    t.test(`${name}: a change of ${field} restarts whom the table says`, async (t) => {
      const pods = restarted(name, CHANGES[field] ?? {})
      for (const [i, component] of (['redis', 'sentinel'] as const).entries()) {
        const cell = cells[i] ?? ''
        // a number of pods: which numbers restart is said in words
        if (cell.startsWith('added')) continue
        t.equal(pods.includes(component), cell.endsWith('restart'), `${component}: ${cell}`)
      }
    })
  }
}

t.test('a directive that a running redis takes restarts nobody', async (t) => {
  t.strictSame(restarted('redis-sentinel', { config: { maxmemory: '1gb' } }), [])
})

t.test('a changed number of pods restarts only where the table says', async (t) => {
  const from = (before: object, after: object) => {
    // once the new members have their addresses
    const children = (spec: object) => settled('redis-sentinel', redisSentinel({ ...BASE, ...spec })).response.children as readonly StatefulSet[]
    const template = (spec: object, end: string) => JSON.stringify(children(spec).find(({ kind, metadata }) => kind === 'StatefulSet' && metadata?.name === `demo${end}`)?.spec?.template)
    return ['-redis', '-sentinel'].filter((end) => template(before, end) !== template(after, end))
  }
  t.strictSame(from({ redisReplicas: 3 }, { redisReplicas: 5 }), [])
  t.strictSame(from({ redisReplicas: 5 }, { redisReplicas: 3 }), [])
  t.strictSame(from({ redisReplicas: 2 }, { redisReplicas: 3 }), ['-redis'])
  t.strictSame(from({ sentinelReplicas: 3, quorum: undefined }, { sentinelReplicas: 5, quorum: undefined }), ['-sentinel'])
  t.strictSame(from({ sentinelReplicas: 3, quorum: 2 }, { sentinelReplicas: 5, quorum: 2 }), [])
})
