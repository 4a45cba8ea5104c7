/** What ends a master, or moves it, among processes alone. */
import type { ControlPlane } from '../../test/lab/control-plane.ts'
import type { Lab } from '../../test/lab/lab.ts'
import { sleep, until } from '../../test/lab/questions.ts'

export interface Cause {
  readonly name: string
  readonly title: string
  /** Of the gap of a client, p50 and p95 in seconds: through the Service, by Sentinel; what is left out is not a goal. */
  readonly goal: string
  /** Resolves when everything that is taken away is back. */
  readonly inject: (lab: Lab, plane: ControlPlane, master: number) => Promise<void>
}

const KUBELET_MS = 1500
const AFTER_MS = 3000
/** The kubelet gives preStop a second (docs/failover.md). */
const LIVES_MS = 1800

async function another (lab: Lab, former: number): Promise<void> {
  await until('another master', async () => (await lab.masters()).some((ordinal) => ordinal !== former) || undefined)
}

async function loseNode (lab: Lab, _plane: ControlPlane, master: number): Promise<void> {
  const { sandbox } = lab.pod('redis', master)
  await sandbox.cutOff()
  await another(lab, master)
  await sleep(AFTER_MS)
  await sandbox.restore()
}

async function stop (lab: Lab, _plane: ControlPlane, master: number): Promise<void> {
  const pod = lab.pod('redis', master)
  pod.signal('SIGSTOP')
  await another(lab, master)
  await sleep(AFTER_MS)
  pod.signal('SIGCONT')
}

const DOWN = 'down-after + 0.6'

export const causes: readonly Cause[] = [
  {
    name: 'kill', title: 'kill -9 of the master', goal: '0.12, 0.35; by Sentinel p95 0.15', inject: (_lab, plane, master) => plane.crash('redis', master, { afterMs: KUBELET_MS }),
  },
  { name: 'delete', title: 'its pod deleted', goal: '0.1, 0.3; by Sentinel p95 0.15', inject: (_lab, plane, master) => plane.deletePod('redis', master) },
  { name: 'switchover', title: 'switchover', goal: '0.1, 0.3', inject: (lab, plane, master) => plane.switchOver((master + 1) % lab.redis.length) },
  { name: 'force', title: 'its pod deleted by force', goal: 'p95 0.5', inject: (_lab, plane, master) => plane.deletePod('redis', master, { force: true, livesMs: LIVES_MS }) },
  { name: 'node', title: 'its node lost', goal: DOWN, inject: loseNode },
  { name: 'stop', title: 'SIGSTOP', goal: DOWN, inject: stop },
]
