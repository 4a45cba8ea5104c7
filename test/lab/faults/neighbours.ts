// Addresses that lead to another cluster's pod while the object they belonged to is still there: 36, 37.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type ControlPlane, startControlPlane } from '../control-plane.ts'
import { createLab, type Lab } from '../lab.ts'
import type { Sandbox } from '../network.ts'
import { ask, REDIS_PORT } from '../questions.ts'
import { startWriter, type Writer } from '../writer.ts'
import type { Fault, Run } from './run.ts'

const execute = promisify(execFile)
/** A sentinel demotes a master that it takes for a replica after 8 s; the probe is faster. */
const WATCHED_MS = 20_000

interface Neighbour { readonly lab: Lab, readonly plane: ControlPlane, readonly master: number, readonly writer: Writer }

/** A second cluster in the same network, with data and without a probe. */
async function withNeighbour (run: Run, inject: (neighbour: Neighbour) => Promise<void>): Promise<void> {
  const lab = await createLab({ network: run.lab.network, place: 1, failoverTimeout: 10_000 })
  const plane = await startControlPlane(lab, { place: 1 }).catch(async (error: unknown) => {
    await lab.close()
    throw error
  })
  const writer = startWriter(lab.redis, { name: 'theirs' })
  try {
    await plane.startAll()
    const master = await lab.healed()
    await run.time('the other cluster is written to', () => writer.acknowledged() > 300)
    await lab.streaming()
    await inject({ lab, plane, master, writer })
    await writer.stop()
    run.check('the master of the other cluster has changed', String(await lab.masters()) === String(master))
    for (const address of lab.redis) {
      const lost = await writer.lost(address)
      run.check(`${lost} of ${writer.acknowledged()} writes of the other cluster are lost at ${address}`, lost === 0)
      const foreign = await ask(address, REDIS_PORT, 'GET', 'whose')
      run.check(`${address} has data of the first cluster`, foreign === null)
    }
  } finally {
    await writer.stop()
    await plane.close()
    await lab.close()
  }
}

/** Both clusters write in their own way, so a copy of one in the other shows. */
async function mark ({ lab, master }: Run): Promise<void> {
  await ask(lab.redis[master()] ?? '', REDIS_PORT, 'SET', 'whose', 'the first')
}

/** Who had the address is forgotten at once, which the network does within seconds. */
async function forget (sandboxes: readonly Sandbox[]): Promise<void> {
  for (const { enter: [program = '', ...args] } of sandboxes) await execute(program, [...args, 'ip', 'neigh', 'flush', 'all'])
  await execute('ip', ['neigh', 'flush', 'all'])
}

async function watched (run: Run, neighbour: Neighbour): Promise<void> {
  const from = performance.now()
  await run.time('nobody touches the other cluster', async () => {
    const untouched = String(await neighbour.lab.masters()) === String(neighbour.master)
    return !untouched || performance.now() - from > WATCHED_MS
  })
}

/** The node is lost: the object stays, with its address, which another node gives to a new pod. */
async function reusedIp (run: Run): Promise<void> {
  const { lab, plane, others } = run
  await mark(run)
  const [ordinal = 0] = others()
  const victim = lab.pod('redis', ordinal)
  await withNeighbour(run, async (neighbour) => {
    const ip = victim.ip()
    const taker = neighbour.lab.pod('redis', neighbour.master).sandbox
    // its kubelet reports nothing any more
    victim.whenItEnds(() => {})
    await victim.kill()
    await victim.sandbox.removeAddress(ip)
    await taker.addAddress(ip)
    await forget([plane.probe.sandbox, ...lab.pods().map(({ sandbox }) => sandbox)])
    await watched(run, neighbour)
    await taker.removeAddress(ip)
    await victim.sandbox.addAddress(ip)
    await forget([plane.probe.sandbox, ...lab.pods().map(({ sandbox }) => sandbox)])
  })
  await plane.deletePod('redis', ordinal, { force: true })
  plane.show('redis', ordinal)
}

/** kube-proxy of a lonely node still sends what is for the pod's Service to an address that has another owner. */
async function recycledEndpoint (run: Run): Promise<void> {
  const { lab, plane, others } = run
  await mark(run)
  await plane.probe.kill()
  const [ordinal = 0] = others()
  const victim = lab.pod('redis', ordinal)
  await withNeighbour(run, async (neighbour) => {
    const taker = neighbour.lab.pod('redis', neighbour.master).sandbox
    await victim.kill()
    await victim.sandbox.removeAddress(victim.address(), 'service')
    await taker.addAddress(victim.address(), 'service')
    await forget(lab.pods().map(({ sandbox }) => sandbox))
    await watched(run, neighbour)
    await taker.removeAddress(victim.address(), 'service')
    await victim.sandbox.addAddress(victim.address(), 'service')
    await forget(lab.pods().map(({ sandbox }) => sandbox))
  })
  await plane.start('redis', ordinal)
  await plane.probe.start()
}

export const neighbourFaults: readonly Fault[] = [
  { number: 36, name: 'the IP of a pod whose object stays goes to a master of another cluster', short: true, inject: reusedIp },
  { number: 37, name: 'no probe, and the address of a pod leads to a master of another cluster', inject: recycledEndpoint },
]
