/** Of src/operator/render.ts as a process; the desired children of the samples as golden files. */
import { writeFileSync } from 'node:fs'
import { pino } from 'pino'
import request from 'supertest'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { metrics } from '../../src/operator/metrics.ts'
import { buildServer } from '../../src/operator/server.ts'
import { KIND_NAMES, NOW, text } from '../fixtures.ts'
import { run } from './run.ts'

const REWRITE = 'UPDATE_GOLDEN=1 npx tap test/operator/render.test.ts rewrites it; git diff shows what users will get'
const SAMPLES = KIND_NAMES.map((name) => `manifests/samples/${name}.yaml`)
const render = (args: string[], input = '') => run('src/operator/render.ts', args, { input })

/** Compares with the file, or writes it. */
function golden (path: string, content: string): boolean {
  if (process.env['UPDATE_GOLDEN']) writeFileSync(new URL(`../../${path}`, import.meta.url), content)
  return content === text(path)
}

t.test('the children of the samples are those of test/golden, in valid YAML', async (t) => {
  const { stdout, stderr, exitCode } = await render(SAMPLES)
  t.strictSame([exitCode, stderr], [0, ''])
  const second = stdout.indexOf('---', stdout.lastIndexOf('app.kubernetes.io/name: redis\n'))
  t.ok(golden('test/golden/redis.yaml', stdout.slice(0, second)), REWRITE)
  t.ok(golden('test/golden/redis-sentinel.yaml', stdout.slice(second)), REWRITE)
  t.ok(parseAllDocuments(stdout).every(({ errors }) => errors.length === 0))
})

t.test('the requests that are printed for the samples are those of test/requests, and the server answers the golden children', async (t) => {
  const { stdout } = await render(['--request', ...SAMPLES])
  const second = stdout.indexOf('\n{') + 1
  const server = buildServer({ logger: pino({ level: 'silent' }), metrics: metrics(), now: () => NOW })
  t.teardown(() => server.close())
  await server.ready()
  for (const [name, body] of [['redis', stdout.slice(0, second)], ['redis-sentinel', stdout.slice(second)]] as const) {
    t.ok(golden(`test/requests/${name}-sync.json`, body), REWRITE)
    const { controller, parent } = JSON.parse(body) as { controller: object, parent: object }
    t.ok(golden(`test/requests/${name}-customize.json`, `${JSON.stringify({ controller, parent }, null, 2)}\n`), REWRITE)
    const answer = await request(server.server).post(`/v1/${name}/sync`).set('Content-Type', 'application/json').send(body).expect(200)
    const children = parseAllDocuments(text(`test/golden/${name}.yaml`)).map((document) => document.toJS() as object)
    t.strictSame((answer.body as { children: object[] }).children, children)
  }
})

t.test('--help says how it is used', async (t) => {
  t.match(await render(['--help']), { exitCode: 0, stdout: /^usage: npm run render -- \[--request \| --explain\] FILE/ })
})

t.test('resources come from standard input until one is of another kind, which is one clear error', async (t) => {
  const documents = [
    { kind: 'Redis', metadata: { name: 'a' }, spec: {} }, null, { kind: 'Redis', metadata: { name: 'b', namespace: 'other' }, spec: {} }, { kind: 'Deployment' },
  ]
  const { stdout, stderr, exitCode } = await render(['-'], documents.map((one) => (one ? JSON.stringify(one) : '')).join('\n---\n'))
  const names = parseAllDocuments(stdout).map((document) => (document.toJS() as { metadata: { name: string, namespace: string } }).metadata)
  t.match(names.find(({ name }) => name === 'a-redis'), { namespace: 'default' })
  t.match(names.find(({ name }) => name === 'b-redis'), { namespace: 'other' })
  t.strictSame([exitCode, stderr], [1, 'render: Deployment is neither Redis nor RedisSentinel\n'])
})

t.test('--explain says of each child what happens to it and why, and prints the status', async (t) => {
  const { stdout, exitCode } = await render(['--explain', 'manifests/samples/redis-sentinel.yaml'])
  t.equal(exitCode, 0)
  t.match(stdout, /^create {4}Service [\w-]+-redis-master: it is desired and not there$/m)
  t.match(stdout, /^withheld {2}StatefulSet [\w-]+-redis: it needs the addresses/m)
  t.match(parseAllDocuments(stdout.slice(stdout.indexOf('---')))[0]?.toJS(), { status: { phase: 'Pending' } })
})

t.test('a captured request is answered as it is', async (t) => {
  const { stdout, exitCode } = await render(['test/requests/redis-sync.json'])
  t.equal(exitCode, 0)
  t.equal(stdout, text('test/golden/redis.yaml'))
  t.match(await render(['--explain', 'test/requests/redis-sync.json']), { exitCode: 0, stdout: /^keep {6}StatefulSet/m })
})

t.test('an invalid spec is one clear error', async (t) => {
  const { stdout, stderr, exitCode } = await render(['-'], 'kind: Redis\nmetadata: { name: a }\nspec: { image: 7 }\n')
  t.strictSame([exitCode, stdout], [1, ''])
  t.match(stderr, /^render: the spec is refused: [^]*image/)
  t.notMatch(stderr, /\n +at /)
})
