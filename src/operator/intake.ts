/** Bounds the bodies that lie in memory at the same time: one that finds no room is told to come again, for a queue has no end. */
import type { FastifyInstance } from 'fastify'

const RETRY_SECONDS = 1

/** `bytes`: of all bodies together. One alone is always taken, up to the server's own limit of a body. */
export function boundIntake (server: FastifyInstance, bytes: number): void {
  const { bodyLimit = bytes } = server.initialConfig
  let taken = 0
  server.addHook('onRequest', async ({ headers }, reply) => {
    // a body of unknown length comes in chunks
    const announced = headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : bodyLimit
    const length = Math.min(announced, bodyLimit)
    if (taken > 0 && taken + length > bytes) {
      return reply.code(503).header('Retry-After', String(RETRY_SECONDS)).send({ error: 'too many large requests at the same time, try again' })
    }
    taken += length
    reply.raw.once('close', () => { taken -= length })
    return undefined
  })
}
