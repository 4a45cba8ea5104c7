/** `npx tsx local/with-cluster.ts COMMAND...`: runs a command with a cluster that has the operator, and leaves it as it was found. */
import { execa } from 'execa'
import { cluster, ROOT } from './clusters.ts'
import { metacontrollerBinary } from './environment.ts'
import { install, kubectl } from './install.ts'
import { red, say } from './terminal.ts'

const USAGE = `usage: npx tsx local/with-cluster.ts COMMAND [ARGUMENT...]
Runs COMMAND with REDIS_OPERATOR_CLUSTER set to the description of a cluster in which the operator runs (JSON).
A local cluster that was not up before is taken down afterwards, but not with KEEP_CLUSTER=1.
environment: DEMO_KUBECONFIG, DEMO_NODE_ADDRESS, METACONTROLLER_BIN, METACONTROLLER_APPLY as for make demo`

async function main ([file, ...args]: string[]): Promise<number> {
  if (file === undefined || file === '--help') {
    console.log(USAGE)
    return file === undefined ? 2 : 0
  }
  const wasUp = (await execa('local/cluster', ['status'], { cwd: ROOT, reject: false, stdio: 'ignore' })).exitCode === 0
  const where = await cluster(process.env['DEMO_KUBECONFIG'], process.env['DEMO_NODE_ADDRESS'])
  const { driver, stop } = await install(where, metacontrollerBinary(process.env))
  if (where.flavour === 'local') await kubectl(where, 'delete', 'redis,redissentinels', '--all', '--all-namespaces')
  const environment = { ...where.environment, REDIS_OPERATOR_CLUSTER: JSON.stringify({ ...where, driver }) }
  const { exitCode } = await execa(file, args, { cwd: ROOT, env: environment, stdio: 'inherit', reject: false })
  await stop()
  if (where.flavour === 'local' && !wasUp && !process.env['KEEP_CLUSTER']) await execa('local/cluster', ['down', '--keep-images'], { cwd: ROOT, stdio: 'inherit' })
  else say(`the cluster stays up: ${where.use}`)
  return exitCode ?? 1
}

main(process.argv.slice(2)).then((code) => { process.exitCode = code }, (error: unknown) => {
  console.error(red(`with-cluster: ${error instanceof Error ? error.message : String(error)}`))
  process.exitCode = 1
})
