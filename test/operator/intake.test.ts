import { once } from 'node:events'
import { connect } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import { boundIntake } from '../../src/operator/intake.ts'

t.test('bodies that would not fit into memory together are told to come again, and fit when the others are gone', async (t) => {
  const server = Fastify({ bodyLimit: 1000 })
  boundIntake(server, 2000)
  let arrived = 0
  const arrivedAll = new Promise<void>((resolve) => { server.addHook('onRequest', async () => { if (++arrived === 3) resolve() }) })
  server.post('/', ({ body }) => ({ size: JSON.stringify(body).length }))
  t.teardown(() => server.close())
  const url = await server.listen({ port: 0, host: '127.0.0.1' })
  const { port } = new URL(url)
  const post = (body: string) => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })

  t.equal((await post('"small"')).status, 200)
  // two that send a head and never a body: one says how long it will be, one does not
  const slow = ['content-length: 1000', 'transfer-encoding: chunked'].map((header) => {
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${header}\r\n\r\n`)
    return socket
  })
  await arrivedAll
  const refused = await post('"one more"')
  t.equal(refused.status, 503)
  t.equal(refused.headers.get('retry-after'), '1')
  t.match(await refused.json(), { error: /try again/ })

  for (const socket of slow) {
    socket.destroy()
    await once(socket, 'close')
  }
  let status = 0
  while (status !== 200) status = (await post('"one more"')).status
  t.equal(status, 200)
})
