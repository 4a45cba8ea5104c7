/** `make demo`: from a fresh machine to both samples on a real Kubernetes, each step as a person would type it. */
import { parseArgs } from 'node:util'
import { cluster } from './clusters.ts'
import { metacontrollerBinary } from './environment.ts'
import { install } from './install.ts'
import { bold, dim, green, heading, indented, red, say } from './terminal.ts'
import { deleteMaster, sentinel, standalone, type Step, transcript } from './transcript.ts'

const USAGE = `usage: make demo        (or: npx tsx local/demo.ts)
Brings up a Kubernetes cluster, installs the operator and plays both samples through, with timings. The cluster stays up.

environment: DEMO_KUBECONFIG       use this cluster instead (its nodes must be able to pull the operator's image)
             DEMO_NODE_ADDRESS     where its NodePorts answer, if not at the first node's address
             METACONTROLLER_BIN    a Metacontroller binary that calls the hook instead of the embedded driver (local cluster)
             METACONTROLLER_APPLY  dynamic-apply (default) or server-side-apply`

function show ({ title, command, output, seconds, problem }: Step): void {
  console.log(`\n${bold(title)}\n  $ ${command.map(quoted).join(' ')}\n${indented(output)}`)
  console.log(problem ? red(`  wrong: ${problem}`) : `  ${green('ok')} ${dim(`${seconds.toFixed(2)} s`)}`)
}

function quoted (word: string): string {
  return /[^\w@%+=:,./-]/.test(word) ? `'${word}'` : word
}

async function main (): Promise<void> {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } })
  if (values.help) return console.log(USAGE)
  const started = Date.now()
  const where = await cluster(process.env['DEMO_KUBECONFIG'], process.env['DEMO_NODE_ADDRESS'])
  const { stop } = await install(where, metacontrollerBinary(process.env))
  const steps = transcript(where, show)
  const key = `demo:${started}`
  heading('One Redis')
  await standalone(steps, key)
  heading('A master, two replicas and three sentinels')
  await sentinel(steps, key)
  const { before, after, acknowledged, longestGap, lost } = await deleteMaster(where, steps, key)
  heading('What the writing client saw')
  console.log(`  master ${before} -> ${after}: ${acknowledged} writes acknowledged, none for ${(longestGap / 1000).toFixed(2)} s at the longest, ${lost} lost`)
  await stop()
  say(green('all steps are right'))
  console.log(`\nThe cluster stays up with redissentinel-sample in it.\n  use it:     ${where.use}\n              kubectl get rss; redis-cli -h ${where.nodeAddress} -p 30999\n  remove it:  ${where.remove}`)
  if (lost > 0) throw new Error(`${lost} acknowledged writes were lost`)
}

main().catch((error: unknown) => {
  console.error(red(`\ndemo: ${error instanceof Error ? error.message : String(error)}`))
  process.exitCode = 1
})
