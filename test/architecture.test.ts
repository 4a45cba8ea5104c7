/** What holds for the project as a whole. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = new URL('../', import.meta.url)
const files = projectFiles()

/** What git knows or would add; all but what is made or installed where there is no git. */
function projectFiles (): string[] {
  if (existsSync(new URL('.git', root))) {
    const options = { cwd: fileURLToPath(root), encoding: 'utf8' } as const
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], options).split('\0')
    return listed.filter((path) => path !== '' && existsSync(new URL(path, root)))
  }
  const made = /^(node_modules|dist|coverage|\.tap|\.git)(\/|$)/
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(fileURLToPath(root).length).replace(/^\/+/, ''))
    .filter((path) => !made.test(path))
}

/** Sources without a twin of their name: the test that covers them, and why it is that one. */
const COVERED: readonly (readonly [test: string, why: string, sources: readonly string[]])[] = [
  ['test/api/redis.test.ts', 'the names, and the pieces that both kinds share, are tested as parts of a spec', ['api/group', 'api/kubernetes']],
  ['test/crd/crd.test.ts', 'a table that the generator turns into the CRDs', ['crd/kinds']],
  ['test/metadata/names.test.ts', 'a dozen lines each, which say what names are for', ['metadata/labels', 'metadata/children']],
  ['test/redis/sync.test.ts', 'single objects, tested as the answer shows them', ['redis/services', 'redis/config-map']],
  ['test/redis/stateful-set.test.ts', 'parts of one pod', ['redis/pod', 'redis/security', 'redis/volumes', 'redis/exporter']],
  ['test/redis-sentinel/sync.test.ts', 'what is known of addresses decides what is answered', ['redis-sentinel/addresses']],
  ['test/redis-sentinel/services.test.ts', 'one object of ten lines', ['redis-sentinel/pod-disruption-budgets']],
  ['test/redis-sentinel/stateful-sets.test.ts', 'what the pods mount, and whose they are', ['redis-sentinel/config-maps', 'redis-sentinel/identity']],
  ['test/crd/generate.test.ts', 'generated; the scripts themselves run in test/lab', ['redis-sentinel/scripts']],
  ['test/hook/kinds.test.ts', 'every property rehearses', ['hook/rehearse']],
  ['test/operator/server.test.ts', 'a second server beside the first', ['operator/metrics']],
  ['test/probe/pure-parts.test.ts', 'the small pure pieces', ['config', 'connection', 'inventory', 'label-patch', 'process-state', 'replies'].map((name) => `probe/${name}`)],
  ['test/probe/bindings.test.ts', 'what both watch', ['probe/parents']],
  ['test/probe/decide.test.ts', 'types of what is decided on', ['probe/observation']],
  ['test/probe/links.test.ts', 'against real processes', ['probe/redis-link', 'probe/sentinel-link']],
  ['test/probe/api-client.test.ts', 'against a server on loopback', ['probe/lanes', 'probe/events']],
  ['test/probe/endpoints.test.ts', 'which slice is written', ['probe/slice-facts']],
  ['test/probe/failover.test.ts', 'the shell: the whole process against real redis and sentinels',
    ['cluster-loop', 'main', 'members', 'metrics', 'perform', 'probe', 'server', 'wakeable', 'write-labels', 'alarms'].map((name) => `probe/${name}`)],
  ['test/embedded/contract.test.ts', 'a stand-in, held to what the real Metacontroller sent; the whole driver runs', ['embedded/']],
]

t.test('every source file has a test of its name, or is covered by a named one', async (t) => {
  for (const source of files.filter((path) => /^src\/.*\.ts$/.test(path))) {
    const name = source.slice('src/'.length, -'.ts'.length)
    const covered = COVERED.some(([, , sources]) => sources.some((one) => (one.endsWith('/') ? name.startsWith(one) : name === one)))
    t.ok(files.includes(`test/${name}.test.ts`) || covered, source)
  }
})

t.test('an exception names a test and sources that exist', async (t) => {
  for (const [test, why, sources] of COVERED) {
    t.ok(files.includes(test) && why.length > 10, test)
    for (const source of sources) t.ok(existsSync(new URL(source.endsWith('/') ? `src/${source}` : `src/${source}.ts`, root)), source)
  }
})

/** Of one machine or network alone: whoever else has the project has not got them. Written so that they do not match themselves. */
const FOREIGN: Record<string, RegExp> = {
  'a machine\'s path': /(^|[\s"'`=:(])\/(work|root|home\/[\w.-]+|Users\/[\w.-]+|tmp\/bash[\w.]*)\/\w/m,
  'a package registry': /https?:\/\/[\w.-]*(npmjs|yarnpkg|npmmirror|pypi|pythonhosted|golang|goproxy|artifactory|nexus|verdaccio)[\w.-]*\/|https?:\/\/[\w.-]+:\d+\/\S*\.tgz/,
}

for (const [what, pattern] of Object.entries(FOREIGN)) {
  t.test(`no file holds ${what}`, async (t) => {
    for (const path of files) {
      const found = pattern.exec(readFileSync(new URL(path, root), 'utf8'))
      if (found) t.fail(`${path}: ${found[0]}`)
    }
    t.ok(files.length > 100)
  })
}

t.test('the pattern for foreign things finds them', async (t) => {
  const [path, registry] = Object.values(FOREIGN) as [RegExp, RegExp]
  t.match(`cd ${['', 'work', 'main'].join('/')}`, path)
  t.notMatch('image: "redis:7.0" # see /data/work/x', path)
  t.match(`"resolved": "https://registry.${['npm', 'js.org'].join('')}/tap/-/tap-21.tgz"`, registry)
})
