// The client of docs/examples: no command fails, whatever happens to the master, and none that was acknowledged is lost.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { createClient } from '../../docs/examples/ioredis.ts'
import { clusterUnderProbe, type ControlPlane } from './control-plane.ts'
import { REDIS_PORT, until } from './questions.ts'

t.setTimeout(600_000)

/** What kube-proxy does for the master Service: each new connection goes to the labelled pod, an open one stays where it is. */
async function service (t: Test, plane: ControlPlane, ipOf: (ordinal: number) => string): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const [ordinal] = plane.labelled()
    if (ordinal === undefined) {
      client.destroy()
      return
    }
    const redis = connect(REDIS_PORT, ipOf(ordinal))
    for (const socket of [client, redis]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => { client.destroy(); redis.destroy() })
    }
    client.pipe(redis).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { for (const socket of sockets) socket.destroy(); server.close() })
  return (server.address() as AddressInfo).port
}

t.test('a planned handover, a crash and a forced deletion go unnoticed', async (t) => {
  const { lab, plane } = await clusterUnderProbe(t)
  const redis = createClient('127.0.0.1', await service(t, plane, (ordinal) => lab.pod('redis', ordinal).ip()))
  t.teardown(() => redis.disconnect())
  const order = { stop: false }
  const acknowledged: string[] = []
  const failures: unknown[] = []
  const write = async () => {
    while (!order.stop) {
      const key = `key:${acknowledged.length + failures.length}`
      await redis.set(key, key).then(() => acknowledged.push(key), (error: unknown) => failures.push(error))
    }
  }
  const writing = write()
  const goesOn = async () => {
    const before = acknowledged.length
    await until('it writes', async () => acknowledged.length > before + 100 || undefined)
  }
  await goesOn()
  for (const end of ['deletePod', 'crash', 'force'] as const) {
    const master = plane.labelled()[0] ?? 0
    if (end === 'crash') await plane.crash('redis', master)
    else await plane.deletePod('redis', master, { force: end === 'force' })
    await plane.healed()
    t.notSame(plane.labelled(), [master], `${end}: another master`)
    await goesOn()
  }
  order.stop = true
  await writing
  t.strictSame(failures, [])
  const values = await redis.mget(acknowledged)
  t.equal(values.filter((value, i) => value !== acknowledged[i]).length, 0, `all ${acknowledged.length} are there`)
})
