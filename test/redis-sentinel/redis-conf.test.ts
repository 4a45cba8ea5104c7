import t from 'tap'
import { redisConf } from '../../src/redis-sentinel/redis-conf.ts'

const settings = (input: Partial<Parameters<typeof redisConf>[0]> = {}): string[] =>
  redisConf({ persistent: true, redisReplicas: 3, port: 6379, ...input }).split('\n')

t.test('every write goes to the append only file, and there are no snapshots', async (t) => {
  t.strictSame(settings().filter((line) => /^(append|save|rdb|aof)/.test(line)),
    ['appendonly yes', 'appendfsync everysec', 'aof-load-truncated yes', 'save ""'])
})

t.test('without persistence nothing on disk outlives the process', async (t) => {
  t.strictSame(settings({ persistent: false }).filter((line) => /^(append|save|rdb|aof)/.test(line)),
    ['appendonly no', 'save ""', 'rdb-del-sync-files yes'])
})

t.test('a master that is cut off stops writes from three pods on', async (t) => {
  const bound = ['min-replicas-to-write 1', 'min-replicas-max-lag 3']
  t.ok(bound.every((line) => settings({ redisReplicas: 3 }).includes(line)))
  t.ok(bound.every((line) => settings({ redisReplicas: 7 }).includes(line)))
  t.notOk(settings({ redisReplicas: 2 }).some((line) => line.startsWith('min-replicas')))
})

t.test('what differs between the pods is left to the start script', async (t) => {
  t.notMatch(settings().join('\n'), /replicaof|replica-announce|^bind/m)
})

t.test('the port and the folder are the given ones', async (t) => {
  t.strictSame(settings().slice(0, 2), ['port 6379', 'dir /data'])
  t.strictSame(settings({ port: 7000, dir: '/scratch' }).slice(0, 2), ['port 7000', 'dir /scratch'])
})

t.test('the text ends with a newline, so that the start script can add to it', async (t) => {
  t.equal(settings().at(-1), '')
})
