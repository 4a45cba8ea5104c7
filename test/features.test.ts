// docs/features.md claims nothing without a test that exists.
import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import t from 'tap'

const root = new URL('..', import.meta.url)
const markdown = await readFile(new URL('docs/features.md', root), 'utf8')

const rows = markdown.split('\n').filter((line) => line.startsWith('|')).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()))
const isHead = ([first = '']: readonly string[]) => first === 'feature' || /^-+$/.test(first)
const features = rows.filter((row) => !isHead(row)).map((cells) => {
  const [name = '', here = '', how = '', last = ''] = cells
  return { cells, name, here, how, last, tests: [...last.matchAll(/`([^`]+)`/g)].map(([, path]) => path as string) }
})

t.test('every row has four cells, a name of its own, one of the three values, and says how or why not', async (t) => {
  t.ok(features.length > 80, `${features.length} rows`)
  t.equal(new Set(features.map(({ name }) => name)).size, features.length)
  for (const { cells, name, here, how } of features) {
    t.equal(cells.length, 4, name)
    t.match(here, /^(Y|partly|N)$/, name)
    t.ok(how.length >= (here === 'Y' ? 5 : 20), name)
  }
})

t.test('what is here, or here in part, has a test; what is not has none', async (t) => {
  for (const { name, here, last, tests } of features) {
    if (here === 'N') t.equal(last, '-', name)
    else t.equal(last, tests.map((path) => `\`${path}\``).join(', '), `${name}: paths alone`)
    t.equal(tests.length > 0, here !== 'N', name)
  }
})

t.test('every test is a file below test', async (t) => {
  for (const path of new Set(features.flatMap(({ tests }) => tests))) {
    const file = new URL(path, root)
    t.match(path, /^test\/[\w/.-]+\.ts$/)
    t.ok(existsSync(file) && statSync(file).isFile(), path)
  }
})

t.test('every document that is linked exists, with its heading', async (t) => {
  for (const [, path = '', anchor] of markdown.matchAll(/\]\(([\w.-]+)(?:#([\w-]+))?\)/g)) {
    const text = await readFile(new URL(`docs/${path}`, root), 'utf8').catch(() => undefined)
    t.ok(text, path)
    const anchors = [...(text ?? '').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => title.toLowerCase().replace(/[^\w -]/g, '').replaceAll(' ', '-'))
    if (anchor) t.ok(anchors.includes(anchor), `${path}#${anchor}`)
  }
})
