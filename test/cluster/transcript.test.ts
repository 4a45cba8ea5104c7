// The transcript of make demo as assertions.
import t, { type Test } from 'tap'
import { deleteMaster, sentinel, standalone, type Step, transcript } from '../../local/transcript.ts'
import { kubectl, prepared } from './fixture.ts'

const key = `test:${Date.now()}`

function stepsOf (t: Test) {
  return transcript(prepared(), ({ title, problem, seconds }: Step) => {
    t.equal(problem, undefined, `${title} (${seconds.toFixed(2)} s)`)
  })
}

t.test('a Redis answers at its node port, and nothing of it is left when it is deleted', async (t) => {
  await standalone(stepsOf(t), key)
})

t.test('a RedisSentinel serves master, replicas and sentinels, and goes on when its master pod is deleted', async (t) => {
  const steps = stepsOf(t)
  await sentinel(steps, key)
  const { before, after, acknowledged, lost, longestGap } = await deleteMaster(prepared(), steps, key)
  t.not(after, before, 'another pod is master')
  t.ok(acknowledged > 100, `${acknowledged} writes were acknowledged`)
  t.equal(lost, 0, `no acknowledged write is lost; the longest gap was ${longestGap} ms`)
})

t.teardown(async () => {
  await kubectl('delete', 'redis,redissentinels', '--all', '-n', 'default')
})
