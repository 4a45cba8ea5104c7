import t from 'tap'
import { sentinelConf } from '../../src/redis-sentinel/sentinel-conf.ts'

t.test('a sentinel uses addresses only, and what belongs to the pod or the spec is left to the start script', async (t) => {
  t.strictSame(sentinelConf({ port: 26379 }).split('\n'), [
    'port 26379',
    'dir /data',
    'protected-mode no',
    'sentinel resolve-hostnames no',
    'sentinel announce-hostnames no',
    'sentinel deny-scripts-reconfig yes',
    '',
  ])
})

t.test('the folder is the given one', async (t) => {
  t.match(sentinelConf({ port: 26379, dir: '/scratch' }), '\ndir /scratch\n')
})
