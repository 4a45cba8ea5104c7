import t from 'tap'
import { createDepartures } from '../../src/probe/departures.ts'
import type { ClusterView, PodFacts } from '../../src/probe/inventory.ts'

const pod = (ordinal: number, uid = `uid-${ordinal}`): PodFacts => ({
  namespace: 'ns', name: `a-redis-${ordinal}`, uid, resourceVersion: '7', cluster: 'a', component: 'redis', ordinal, ip: `10.0.0.${ordinal}`, node: undefined, presence: 'Present', label: ordinal === 0 ? 'master' : 'slave', revision: 'a', hasAnnotations: true, ended: false,
})
const view = (...pods: PodFacts[]): ClusterView => ({ facts: undefined, pods, addressOf: () => undefined, sliceFor: () => undefined })

await t.test('the last master stays in sight for 30 s when its pod is gone, without a label', async (t) => {
  const withDeparted = createDepartures()
  const whole = view(pod(0), pod(1))
  t.equal(withDeparted(whole, 'uid-0', 1000), whole, 'nobody is gone')
  const gone = { ...pod(0), presence: 'Gone', label: undefined }
  t.strictSame(withDeparted(view(pod(1)), 'uid-0', 2000).pods, [pod(1), gone])
  t.strictSame(withDeparted(view(pod(0, 'new'), pod(1)), 'uid-0', 31_000).pods, [pod(0, 'new'), pod(1), gone], 'beside the next pod of the name')
  t.strictSame(withDeparted(view(pod(1)), 'uid-0', 31_001).pods, [pod(1)])
})

await t.test('and not when it is the last master no more', async (t) => {
  const withDeparted = createDepartures()
  withDeparted(view(pod(0), pod(1)), 'uid-0', 1000)
  t.strictSame(withDeparted(view(pod(1)), 'uid-1', 1100).pods, [pod(1)])
})

await t.test('a replica that goes is gone', async (t) => {
  const withDeparted = createDepartures()
  withDeparted(view(pod(0), pod(1)), 'uid-0', 1000)
  t.strictSame(withDeparted(view(pod(0)), 'uid-0', 1100).pods, [pod(0)])
})
