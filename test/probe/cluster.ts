/** A whole cluster of three and three under a probe, and what a test asks of it. */
import type { FakeObject } from './fake-api-server.ts'
import { events, type Lab, redisPod, sentinelPod, startLab, startMembers, type Times, until } from './lab.ts'
import { type ProbeProcess, startProbeProcess } from './process.ts'

/** So long that no sentinel acts by itself. */
export const PATIENT: Times = { downAfterMilliseconds: 60_000, failoverTimeout: 60_000 }
export const ALL = [0, 1, 2]
export const PODS = '/api/v1/pods'

interface Tap { readonly teardown: (stop: () => unknown) => void }

export async function startCluster (t: Tap, times: Times, env: NodeJS.ProcessEnv = {}): Promise<{ lab: Lab, probe: ProbeProcess }> {
  const lab = await startLab({ times })
  t.teardown(lab.stop)
  const probe = startProbeProcess(lab, 'probe-0', env)
  t.teardown(probe.stop)
  startMembers(lab)
  await until('everybody knows everybody', () => agree(lab, 0)).catch(async (error: unknown) => { throw new Error(await whatIs(lab), { cause: error }) })
  await until('the first master is labelled', () => masterLabel(lab) === 0)
  await inStream({ lab, probe }, 0)
  return { lab, probe }
}

/** All sentinels name it and know all members. */
export async function agree (lab: Lab, master: number): Promise<boolean> {
  return (await Promise.all(ALL.map((n) => knows(lab, n, master)))).every(Boolean)
}

/** What everybody says, for a failure that nobody can look at any more. */
async function whatIs (lab: Lab): Promise<string> {
  const ask = (pod: string, ...words: [string, ...string[]]) => lab.command(pod, ...words).catch((error: unknown) => String(error))
  const answers = ALL.flatMap((n) => [ask(redisPod(n), 'ROLE'), ask(sentinelPod(n), 'SENTINEL', 'MASTER', 'mymaster'), ask(sentinelPod(n), 'SENTINEL', 'SENTINELS', 'mymaster')])
  return `not everybody knows everybody at ${lab.address(redisPod(0))}: ${JSON.stringify(await Promise.all(answers))}`
}

async function knows (lab: Lab, sentinel: number, master: number): Promise<boolean> {
  const fields = await lab.command(sentinelPod(sentinel), 'SENTINEL', 'MASTER', 'mymaster').catch(() => []) as string[]
  const field = (name: string) => fields[fields.indexOf(name) + 1]
  return field('ip') === lab.address(redisPod(master)) && field('num-slaves') === '2' && field('num-other-sentinels') === '2'
}

/** Both replicas have what was written, and the probe has seen them so: until then neither may succeed the master. */
export async function inStream ({ lab, probe }: { lab: Lab, probe: ProbeProcess }, master: number): Promise<void> {
  await lab.command(redisPod(master), 'SET', 'before', '1')
  const value = (n: number) => lab.command(redisPod(n), 'GET', 'before').catch(() => null)
  await until('the replicas have the write', async () => (await Promise.all(ALL.map(value))).every((found) => found === '1'))
  const before = await looks(probe)
  // one may be under way, and have asked before
  await until('the probe has seen it', async () => await looks(probe) >= before + 2)
}

async function looks (probe: ProbeProcess): Promise<number> {
  const { text } = await probe.get('/metrics')
  return Number(/^sentinel_probe_looks_total (\d+)$/m.exec(text)?.[1])
}

/** Its pod gets a deletionTimestamp; returns the pod as it was. */
export function leave (lab: Lab, n: number): FakeObject {
  const pod = lab.api.get(PODS, redisPod(n))!
  lab.api.put(PODS, { ...pod, metadata: { ...pod.metadata, deletionTimestamp: new Date().toISOString() } })
  return pod
}

export const masterLabel = (lab: Lab) => ALL.findIndex((n) => lab.labels()[redisPod(n)] === 'master')
export const reasons = (lab: Lab) => events(lab).map((event) => String(event['reason']))
export const follows = async (lab: Lab, n: number, master: number) => {
  const role = await lab.command(redisPod(n), 'ROLE').catch(() => []) as unknown[]
  return role[1] === lab.address(redisPod(master)) && role[3] === 'connected'
}
