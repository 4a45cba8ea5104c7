/**
 * What a user does with both samples, step by step, and what must come of it (design 2.4). `make demo` prints it, the
 * cluster tests assert it: one list, so that the demo cannot promise what is not tested.
 */
import { execa } from 'execa'
import { type Cluster, ROOT } from './clusters.ts'
import { startWriter, type Written } from './writer.ts'

export interface Step {
  readonly title: string
  /** As a person would type it. */
  readonly command: readonly string[]
  readonly output: string
  readonly seconds: number
  /** What was wrong; undefined when the step is right. */
  readonly problem?: string | undefined
}

export type Report = (step: Step) => void

interface Expectation {
  readonly title: string
  readonly expect: RegExp | ((output: string) => boolean)
  /** How long it may take until it is as expected; 0 means at the first try. */
  readonly within?: number
}

export interface Transcript {
  /** Runs a command until its output is as expected; throws after `within` seconds. */
  readonly run: (expectation: Expectation, ...command: string[]) => Promise<string>
  readonly redis: (expectation: Expectation, port: number, ...command: string[]) => Promise<string>
  readonly report: Report
}

export function transcript (cluster: Cluster, report: Report): Transcript {
  const run = async ({ title, expect, within = 0 }: Expectation, ...command: string[]) => {
    const started = Date.now()
    const right = (output: string) => expect instanceof RegExp ? expect.test(output) : expect(output)
    for (;;) {
      const output = await outputOf(cluster, command)
      const seconds = (Date.now() - started) / 1000
      if (right(output) || seconds >= within) {
        const problem = right(output) ? undefined : `not as expected${within > 0 ? ` within ${within} s` : ''}: ${String(expect)}`
        report({ title, command, output, seconds, problem })
        if (problem) throw new Error(`${title}: ${problem}\n${output}`)
        return output
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  return {
    run,
    redis: (expectation, port, ...command) => run(expectation, 'redis-cli', '-h', cluster.nodeAddress, '-p', String(port), '--no-raw', ...command),
    report,
  }
}

async function outputOf (cluster: Cluster, [file = '', ...args]: readonly string[]): Promise<string> {
  const { all } = await execa(file, args, { env: cluster.environment, cwd: ROOT, all: true, reject: false, timeout: 300_000 })
  return all
}

const NEVER = 240

export async function standalone ({ run, redis }: Transcript, key: string): Promise<void> {
  await run({ title: 'Create a Redis', expect: /created|configured|unchanged/ }, 'kubectl', 'apply', '-f', 'manifests/samples/redis.yaml')
  await run({ title: 'It is ready', expect: /condition met/, within: NEVER },
    'kubectl', 'wait', '--for=condition=Ready', '--timeout=200s', 'redis/redis-sample')
  await run({ title: 'How it looks', expect: /Ready +redis-sample-svc\.default\.svc:6379/ }, 'kubectl', 'get', 'redis')
  await redis({ title: 'A missing key is nil', expect: /^\(nil\)$/, within: 10 }, 31000, 'get', key)
  await redis({ title: 'Write it', expect: /^OK$/ }, 31000, 'set', key, 'hello')
  await redis({ title: 'Read it', expect: /^"hello"$/ }, 31000, 'get', key)
  await run({ title: 'Remove it', expect: /deleted/ }, 'kubectl', 'delete', 'redis', 'redis-sample')
  await run({ title: 'Nothing of it is left', expect: /No resources found/, within: 90 },
    'kubectl', 'get', 'all,configmaps,pdb', '-l', 'app=redis,name=redis-sample')
}

export async function sentinel (steps: Transcript, key: string): Promise<void> {
  const { run, redis } = steps
  await run({ title: 'Create a RedisSentinel', expect: /created|configured|unchanged/ }, 'kubectl', 'apply', '-f', 'manifests/samples/redis-sentinel.yaml')
  await redis({ title: 'The first write through the master Service', expect: /^OK$/, within: 120 }, 30999, 'set', key, 'hello')
  await run({ title: 'It is ready', expect: /condition met/, within: NEVER },
    'kubectl', 'wait', '--for=condition=Ready', '--timeout=200s', 'redissentinel/redissentinel-sample')
  await run({ title: 'How it looks', expect: /Ready +redissentinel-sample-redis-master\.default\.svc:6378/ }, 'kubectl', 'get', 'redis,rss')
  await redis({ title: 'Port 30999 reads what it wrote', expect: /^"hello"$/ }, 30999, 'get', key)
  await readOnly(steps, key, 'hello')
  await counted(steps)
  await roles(steps)
}

const POD_LABELS = ['-l', 'app=redis-sentinel,component=redis,name=redissentinel-sample']

/** Port 31000 reads the value and refuses a write. */
async function readOnly ({ redis }: Transcript, key: string, value: string): Promise<void> {
  await redis({ title: 'Port 31000 reads the same value', expect: new RegExp(`^"${value}"$`), within: 30 }, 31000, 'get', key)
  await redis({ title: 'Port 31000 refuses a write', expect: /READONLY/ }, 31000, 'set', key, 'other')
}

async function counted ({ redis }: Transcript): Promise<void> {
  const field = (name: string, value: string) => new RegExp(`"${name}"\\s+\\d+\\) "${value}"`)
  const wanted = [field('num-slaves', '2'), field('num-other-sentinels', '2'), field('quorum', '2')]
  await redis({ title: 'The sentinels know two replicas and each other', expect: (output) => wanted.every((one) => one.test(output)), within: 30 },
    31001, 'SENTINEL', 'master', 'mymaster')
}

async function roles ({ run }: Transcript): Promise<void> {
  const count = (output: string, role: string) => output.match(new RegExp(`redis-role=${role}`, 'g'))?.length ?? 0
  await run({
    title: 'One pod is master, two are replicas', expect: (output) => count(output, 'master') === 1 && count(output, 'slave') === 2, within: 60,
  }, 'kubectl', 'get', 'pod', ...POD_LABELS, '--show-labels')
}

export interface Deletion extends Written {
  readonly before: string
  readonly after: string
}

/** Deletes the master's pod under load, and goes on where the user left off. */
export async function deleteMaster (cluster: Cluster, steps: Transcript, key: string): Promise<Deletion> {
  const { run, redis } = steps
  const master = (title: string, expect: Expectation['expect'], within = 0) =>
    run({ title, expect, within }, 'kubectl', 'get', 'pod', ...POD_LABELS, '-l', 'redis-role=master,name=redissentinel-sample', '-o', 'jsonpath={.items[*].metadata.name}')
  const before = await master('Who is master', /^redissentinel-sample-redis-\d$/)
  const old = await redis({ title: 'Whom the sentinels name', expect: /^1\) "/ }, 31001, 'SENTINEL', 'get-master-addr-by-name', 'mymaster')
  const writer = startWriter(cluster.nodeAddress, 30999, `${key}:writes`)
  await until(() => writer.acknowledged() > 100)
  await run({ title: 'Delete the master\'s pod, while a client writes every 3 ms', expect: /deleted/ }, 'kubectl', 'delete', 'pod', before)
  await redis({ title: 'Port 30999 goes on writing', expect: /^OK$/, within: 60 }, 30999, 'set', `${key}:after`, 'still here')
  await redis({ title: 'Port 30999 reads the old data', expect: /^"hello"$/ }, 30999, 'get', key)
  await readOnly(steps, key, 'hello')
  await redis({ title: 'The sentinels name a new master', expect: (output) => /^1\) "/.test(output) && output !== old, within: 60 },
    31001, 'SENTINEL', 'get-master-addr-by-name', 'mymaster')
  const after = await master('Its pod carries the label', (output) => /^\S+-\d$/.test(output) && output !== before, 60)
  await run({ title: 'The pod is back and all is ready', expect: /condition met/, within: NEVER },
    'kubectl', 'wait', '--for=condition=Ready', '--timeout=200s', 'redissentinel/redissentinel-sample')
  await roles(steps)
  await counted(steps)
  return { ...await writer.finish(), before, after }
}

async function until (condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
}
