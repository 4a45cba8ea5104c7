// The documents say what the code does: fields, environment, conditions' reasons, metrics of both processes.
import { readdir, readFile } from 'node:fs/promises'
import t from 'tap'
import { RedisSentinelSpec } from '../src/api/redis-sentinel.ts'
import { RedisSpec } from '../src/api/redis.ts'
import { faults } from './lab/faults/index.ts'

const root = new URL('..', import.meta.url)
const read = (path: string) => readFile(new URL(path, root), 'utf8')

/** Texts between backquotes in the given column of all tables. */
function column (markdown: string, number: number): string[] {
  const rows = markdown.split('\n').filter((line) => line.startsWith('|'))
  return rows.flatMap((row) => [...(row.split('|')[number] ?? '').matchAll(/`([^`]+)`/g)].map(([, text]) => text as string))
}

t.test('every reason of a condition is documented, and every documented one exists', async (t) => {
  const sources = await Promise.all(['status', 'state', 'volume-claims'].map((name) => read(`src/redis/${name}.ts`)).concat(read('src/redis-sentinel/status.ts')))
  const stated = sources.flatMap((text) => [...text.matchAll(/reason: '(\w+)'|(?:verdict\('\w+', |unapplied\()'(\w+)'/g)].map(([, a, b]) => (a ?? b) as string))
  const documented = column(await read('docs/conditions.md'), 3)
  t.strictSame([...new Set(documented)].sort(), [...new Set(stated)].sort())
})

t.test('the README lists every field of both specs', async (t) => {
  const listed = column(await read('README.md'), 1).join(' ')
  for (const field of [...Object.keys(RedisSpec.shape), ...Object.keys(RedisSentinelSpec.shape)]) {
    t.match(listed, new RegExp(`(^| )${field}\\b`), `spec.${field}`)
  }
})

t.test('the README lists every variable of the environment that the processes read', async (t) => {
  const readme = column(await read('README.md'), 2)
  for (const path of ['src/operator/config.ts', 'src/probe/config.ts']) {
    const names = [...(await read(path)).matchAll(/^ {2}([A-Z_]{4,}):/gm)].map(([, name]) => name as string)
    t.ok(names.length > 1, `${path} names its variables`)
    for (const name of names) t.ok(readme.includes(name), `${name} of ${path}`)
  }
})

t.test('every folder of src stands in ARCHITECTURE.md', async (t) => {
  const listed = column(await read('ARCHITECTURE.md'), 1)
  const folders = (await readdir(new URL('src', root))).map((name) => `src/${name}`)
  t.strictSame(folders.filter((folder) => !listed.includes(folder)), [])
})

t.test('every fault stands in the table of docs/faults.md', async (t) => {
  const [, figures = ''] = (await read('docs/faults.md')).split(/^## /m)
  const rows = figures.split('\n').filter((line) => /^\| [\d.]+ \|/.test(line)).map((line) => line.split(' | ').slice(0, 2).join(' ').slice(2))
  t.strictSame(rows, faults.map(({ number, name }) => `${number} ${name}`))
})
