/** A client of the master Service that lives through every change of the master. Tested by test/lab/client.test.ts. */
import { Redis } from 'ioredis'

export function createClient (host: string, port = 6378): Redis {
  const redis = new Redis({
    host,
    port,
    // Closed by a failover: the Service leads elsewhere, so again at once, and for as long as it takes.
    retryStrategy: (attempt) => Math.min(attempt * 10, 100),
    maxRetriesPerRequest: null,
    // A black hole (a node that is gone) closes nothing.
    // below the second after which a rejected SYN is sent again (docs/clients.md)
    connectTimeout: 800,
    commandTimeout: 5000,
    // Led to the former master once more, or to one that no replica follows (yet): connect again, send the command again (2).
    reconnectOnError: ({ message }) => /^(READONLY|NOREPLICAS) /.test(message) ? 2 : false,
  })
  // ioredis tells of each attempt; what it means for a command, the command's own promise tells
  redis.on('error', () => {})
  return redis
}
