/** docs/examples/argocd-health.lua, run by a real Lua on status that the hook wrote. */
import { execa } from 'execa'
import t from 'tap'
import type { Condition } from '../src/api/kubernetes.ts'
import { KINDS, type KindName, sync } from '../src/hook/kinds.ts'
import { NOW, pods, redisSentinel, resource, settled, syncRequest, text } from './fixtures.ts'

/** Lua's way to write a value. */
function lua (value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(lua).join(', ')}}`
  if (typeof value === 'object' && value !== null) return `{${Object.entries(value).map(([key, inner]) => `[${JSON.stringify(key)}] = ${lua(inner)}`).join(', ')}}`
  return value === undefined || value === null ? 'nil' : JSON.stringify(value)
}

async function health (object: object): Promise<string> {
  const script = `local obj = ${lua(object)}
local function judge(obj)
${text('docs/examples/argocd-health.lua')}
end
local health = judge(obj)
print(health.status .. ": " .. health.message)`
  return (await execa('lua5.1', ['-'], { input: script })).stdout
}

const related = { 'Pod.v1': Object.fromEntries(pods().map((pod) => [`shop/${pod.metadata?.name}`, pod])) }
function statusOf (name: KindName, request: object): { conditions: Condition[] } {
  return sync(KINDS[name], KINDS[name].syncRequest.parse(request), NOW).status as { conditions: Condition[] }
}

const well = { ...settled('redis-sentinel').request, related }
const cases: Record<string, [object, RegExp]> = {
  'one that nobody has looked at': [resource('redis'), /^Progressing: The operator has not looked/],
  'one that is being made': [{ ...resource('redis'), status: statusOf('redis', syncRequest('redis')) }, /^Progressing: Waiting for/],
  'one that is well': [{ ...redisSentinel(), status: statusOf('redis-sentinel', well) }, /^Healthy: All pods are ready/],
  'one whose new spec was not looked at yet': [redisSentinel({}, { metadata: { generation: 2 }, status: statusOf('redis-sentinel', well) }), /^Progressing: The operator has not looked/],
  'an invalid spec': [redisSentinel({ quorum: 7 }, { status: statusOf('redis-sentinel', { ...well, parent: redisSentinel({ quorum: 7 }) }) }), /^Degraded: quorum 7 is more/],
  'a size that claims do not follow': [{
    ...redisSentinel(),
    status: {
      conditions: [
        { type: 'Ready', status: 'True', message: 'x' }, { type: 'Applied', status: 'False', reason: 'ImmutableField', message: 'StatefulSet a' }]
    }
  }, /^Degraded: StatefulSet a/],
  'pods that do not have the present spec yet': [{
    ...redisSentinel(),
    status: {
      conditions: [
        { type: 'Ready', status: 'True', message: 'x' }, { type: 'Applied', status: 'False', reason: 'RollingOut', message: '1 of 3' }]
    }
  }, /^Progressing: 1 of 3/],
  'two masters': [{
    ...redisSentinel(),
    status: {
      conditions: [
        { type: 'Ready', status: 'False', message: 'x' }, { type: 'Available', status: 'False', reason: 'SeveralMasters', message: 'a and b' }]
    }
  }, /^Degraded: a and b/],
  'no master for a moment': [{
    ...redisSentinel(),
    status: {
      conditions: [
        { type: 'Ready', status: 'False', message: 'none' }, { type: 'Available', status: 'False', reason: 'NoMaster', message: 'none' }]
    }
  }, /^Progressing: none/],
}

for (const [name, [object, expected]] of Object.entries(cases)) {
  t.test(name, async (t) => {
    t.match(await health(object), expected)
  })
}
