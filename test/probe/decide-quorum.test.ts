import t from 'tap'
import { createQuorumWatch } from '../../src/probe/decide-quorum.ts'
import type { SentinelView } from '../../src/probe/observation.ts'
import { names, NOW, observation, sentinel } from './observations.ts'

const WORDS = 'NOQUORUM 1 usable Sentinels. Not enough available Sentinels to reach the majority and authorize a failover'
const able = (ordinal: number, note?: string): SentinelView => ({ ...sentinel(ordinal, names(0, { noQuorum: null })), note })
const alone = (ordinal: number, note?: string, words = WORDS): SentinelView => ({ ...sentinel(ordinal, names(0, { noQuorum: words })), note })
const seen = (ms: number, ...sentinels: SentinelView[]) => ({ ...observation([], []), startedAt: NOW + ms, sentinels })
const noted = (ordinal: number, note: string | undefined) => ({ pod: `sentinel-${ordinal}`, uid: `sentinel-uid-${ordinal}`, note })

t.test('what a sentinel says for half a minute is noted, and taken away at once', async (t) => {
  const watch = createQuorumWatch()
  t.strictSame(watch(seen(0, able(0), alone(1))), [])
  t.strictSame(watch(seen(29_999, able(0), alone(1))), [])
  t.strictSame(watch(seen(30_000, able(0), alone(1))), [noted(1, WORDS)])
  t.strictSame(watch(seen(31_000, able(0), alone(1, WORDS))), [], 'it stands there')
  t.strictSame(watch(seen(32_000, able(0), alone(1, WORDS, 'NOQUORUM 2'))), [noted(1, 'NOQUORUM 2')], 'in other words')
  t.strictSame(watch(seen(33_000, able(0), able(1, WORDS))), [noted(1, undefined)])
  t.strictSame(watch(seen(90_000, able(0), alone(1))), [], 'a new time begins')
})

t.test('one that does not answer, or does not say, changes nothing', async (t) => {
  const watch = createQuorumWatch()
  watch(seen(0, alone(0)))
  t.strictSame(watch(seen(40_000, { ...sentinel(0, undefined), note: WORDS }, { ...sentinel(1, names(0)), note: WORDS })), [])
  t.strictSame(watch(seen(50_000)), [], 'it is gone')
  t.strictSame(watch(seen(60_000, alone(0))), [])
})
