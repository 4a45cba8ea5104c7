// One network namespace for each pod, joined by a bridge: addresses of their own, and partitions that can be made and healed.
// The test's own process must be in a namespace without any other network (make lab sees to it): that is where the bridge is.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readlink } from 'node:fs/promises'
import { promisify } from 'node:util'
import { REDIS_PORT, until } from './questions.ts'

const run = promisify(execFile)

type AddressOf = 'pod' | 'service'
/** Which packets are dropped: those that come, those that go, or those that come for this pod's redis: what it asks others is answered. */
type Direction = 'both' | 'in' | 'out' | 'to redis'

/** The network namespace of one pod, kept by a process that only sleeps, as a pause container does. */
export interface Sandbox {
  /** Prefix of a command line that runs the rest in this namespace; the process id stays that of the command. */
  readonly enter: readonly string[]
  /** A pod's own address is in the network, and changes when the pod is created anew; its Service's address is a single one. */
  readonly addAddress: (address: string, of?: AddressOf) => Promise<void>
  readonly removeAddress: (address: string, of?: AddressOf) => Promise<void>
  /** Drops every packet from and to these addresses; nothing is refused, as when a cable is cut. All at once. */
  readonly cutFrom: (addresses: readonly string[], direction?: Direction) => Promise<void>
  /** Refuses what this pod sends there, with the ICMP error of kube-proxy for a Service without endpoints. */
  readonly rejectTo: (address: string) => Promise<void>
  readonly cutOff: () => Promise<void>
  readonly restore: () => Promise<void>
}

export interface Network {
  /** The address of host 1 to 254 in this network. */
  readonly address: (host: number) => string
  readonly sandbox: (name: string) => Promise<Sandbox>
  readonly close: () => Promise<void>
}

/** The address of the bridge, where the test's own process (clients, API server) is. */
export const HOME = 254
/** A second address of the bridge: of clients that a fault cuts off, while the test itself still asks everybody. */
export const CLIENTS = 253

let networks = 0
const sleepers = new Set<ChildProcess>()
process.once('exit', () => { for (const { pid } of sleepers) if (pid !== undefined) process.kill(pid, 'SIGKILL') })

export async function createNetwork ({ ipv6 = false } = {}): Promise<Network> {
  if (process.env['LAB_NETWORK'] !== 'own') throw new Error('run this by "make lab" or "make faults": it needs a network namespace of its own')
  // Test files run at the same time in one namespace, each in a process of its own.
  const number = (process.pid * 16 + networks++) % 65_000
  const bridge = `lab${number}`
  const [high, low] = [number >> 8, number % 256]
  const address = (host: number) => ipv6 ? `fd00:${high.toString(16)}:${low.toString(16)}::${host.toString(16)}` : `10.${high}.${low}.${host}`
  const flags = ipv6 ? ['nodad'] : []
  // in one network with a pod's own address, the other would go with it (net.ipv4.conf.all.promote_secondaries)
  const length = ipv6 ? { pod: '/64', service: '/128' } : { pod: '/24', service: '/32' }
  await run('ip', ['link', 'add', bridge, 'type', 'bridge', 'mcast_snooping', '0'])
  await run('ip', ['link', 'set', bridge, 'up'])
  for (const host of [HOME, CLIENTS]) await run('ip', ['addr', 'add', address(host) + length.pod, 'dev', bridge, ...flags])
  const members: ChildProcess[] = []

  async function sandbox (name: string): Promise<Sandbox> {
    const sleeper = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' })
    await once(sleeper, 'spawn')
    sleepers.add(sleeper)
    members.push(sleeper)
    const { pid } = sleeper
    const own = await readlink('/proc/self/ns/net')
    await until('a namespace', async () => await readlink(`/proc/${pid}/ns/net`) !== own || undefined)
    const enter = ['nsenter', `--net=/proc/${pid}/ns/net`]
    const inside = async (...command: string[]) => { await run('nsenter', [`--net=/proc/${pid}/ns/net`, ...command]) }
    const filter = (...rule: string[]) => inside(ipv6 ? 'ip6tables' : 'iptables', '-w', ...rule)
    const link = `${bridge}${name}`
    await run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)])
    await run('ip', ['link', 'set', link, 'master', bridge, 'up'])
    await inside('ip', 'link', 'set', 'lo', 'up')
    await inside('ip', 'link', 'set', 'eth0', 'up')
    return {
      enter,
      addAddress: (some, of = 'pod') => inside('ip', 'addr', 'add', some + length[of], 'dev', 'eth0', ...flags),
      removeAddress: (some, of = 'pod') => inside('ip', 'addr', 'del', some + length[of], 'dev', 'eth0'),
      cutFrom: async (addresses, direction = 'both') => {
        const rules = addresses.flatMap((other) => [
          ...direction === 'in' || direction === 'both' ? [`-A INPUT -s ${other} -j DROP`] : [],
          ...direction === 'out' || direction === 'both' ? [`-A OUTPUT -d ${other} -j DROP`] : [],
          ...direction === 'to redis' ? [`-A INPUT -s ${other} -p tcp --dport ${REDIS_PORT} -j DROP`] : [],
        ])
        const table = ipv6 ? 'ip6tables-restore' : 'iptables-restore'
        const cut = run('nsenter', [`--net=/proc/${pid}/ns/net`, table, '-w', '--noflush'])
        cut.child.stdin?.end(['*filter', ...rules, 'COMMIT', ''].join('\n'))
        await cut
      },
      rejectTo: (other) => filter('-A', 'OUTPUT', '-d', other, '-j', 'REJECT'),
      cutOff: async () => {
        await filter('-A', 'INPUT', '!', '-i', 'lo', '-j', 'DROP')
        await filter('-A', 'OUTPUT', '!', '-o', 'lo', '-j', 'DROP')
      },
      restore: () => filter('-F'),
    }
  }

  async function close (): Promise<void> {
    for (const sleeper of members) {
      sleepers.delete(sleeper)
      sleeper.kill('SIGKILL')
    }
    await run('ip', ['link', 'del', bridge])
  }

  return { address, sandbox, close }
}
