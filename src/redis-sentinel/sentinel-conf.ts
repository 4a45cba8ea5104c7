// sentinel.conf of the sentinel pods: what is the same in all of them. sentinel-start.sh adds the identity, the monitored
// master with its times from cluster.env, the password, and the state that the pod's volume keeps.
import { type Config, configLines } from '../api/config.ts'
import type { Tls } from '../api/tls.ts'
import { tlsConf } from '../redis/tls.ts'

export interface SentinelConfInput {
  readonly port: number
  /** The pod's volume; a test uses a folder of its own. */
  readonly dir?: string
  /** Only TLS, with the files of the Secret in `tlsDir`. The password is no setting: the start script adds it. */
  readonly tls?: Pick<Tls, 'clientCertificates'> | undefined
  readonly tlsDir?: string
  readonly config?: Config
}

export function sentinelConf (input: SentinelConfInput): string {
  return [
    ...(input.tls ? tlsConf(input.port, input.tls.clientCertificates, input.tlsDir) : [`port ${input.port}`]),
    `dir ${input.dir ?? '/data'}`,
    'protected-mode no',
    // a name server that takes half a second stops every failover: addresses only
    'sentinel resolve-hostnames no',
    'sentinel announce-hostnames no',
    // nobody can make a sentinel run a program
    'sentinel deny-scripts-reconfig yes',
    ...configLines(input.config),
    '',
  ].join('\n')
}
