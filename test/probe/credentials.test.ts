/** The files of a service account change while the probe runs. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { createApiClient } from '../../src/probe/api-client.ts'
import { rereadEveryMinute } from '../../src/probe/credentials.ts'

const run = promisify(execFile)

/** A certificate of 127.0.0.1 that is its own authority. */
async function certificate (folder: string, name: string): Promise<{ key: string, cert: string }> {
  const fresh = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`]
  await run('openssl', [...fresh, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', `${name}.key`, '-out', `${name}.crt`], { cwd: folder })
  const [key, cert] = await Promise.all(['key', 'crt'].map((end) => readFile(join(folder, `${name}.${end}`), 'utf8')))
  return { key: key ?? '', cert: cert ?? '' }
}

await t.test('a file is read again after a minute; while it cannot be read, what it said holds', async (t) => {
  const path = join(t.testdir({}), 'token')
  let now = 0
  const read = rereadEveryMinute(path, () => now)
  await t.rejects(read(), /ENOENT/)
  await writeFile(path, 'first\n')
  t.equal(await read(), 'first')
  await writeFile(path, 'second\n')
  t.equal(await read(), 'first')
  now += 60_001
  await rm(path)
  t.equal(await read(), 'first')
  await writeFile(path, '')
  t.equal(await read(), 'first')
  await writeFile(path, 'second\n')
  t.equal(await read(), 'first')
  now += 60_001
  t.equal(await read(), 'second')
})

await t.test('an API server of a new authority is believed when the file names it', async (t) => {
  const folder = t.testdir({})
  const [before, after] = [await certificate(folder, 'before'), await certificate(folder, 'after')]
  const server = createServer(before, (_, response) => response.end('{}')).listen(0, '127.0.0.1')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  await once(server, 'listening')
  const file = join(folder, 'ca.crt')
  await copyFile(join(folder, 'before.crt'), file)
  let now = 0
  const api = createApiClient({ server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, namespace: 'ns', ca: rereadEveryMinute(file, () => now) })
  t.teardown(api.close)
  const request = () => api.request('GET', '/', { deadlineMs: 5000 })
  t.strictSame(await request(), {})

  server.setSecureContext(after)
  server.closeAllConnections()
  await t.rejects(request(), /self-signed certificate|socket hang up|ECONNRESET/)
  await copyFile(join(folder, 'after.crt'), file)
  now += 60_001
  t.strictSame(await request(), {})
})
