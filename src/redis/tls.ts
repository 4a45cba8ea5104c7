// TLS for redis, sentinel and redis-cli, from one mounted Secret of the type kubernetes.io/tls with its ca.crt. The certificate
// serves both directions: who names uses in it (extendedKeyUsage) names server and client authentication.
import type { Tls } from '../api/tls.ts'

/** Where the Secret is mounted. */
export const TLS_DIR = '/tls'

/** For redis.conf and sentinel.conf in place of `port`: nothing is served in plain text, and links to others are not plain either. */
export function tlsConf (port: number, clients: Tls['clientCertificates'], dir = TLS_DIR): string[] {
  return [
    'port 0',
    `tls-port ${port}`,
    // a sentinel as well: it dials in plain text without it, and announces port 0
    'tls-replication yes',
    `tls-cert-file ${dir}/tls.crt`,
    `tls-key-file ${dir}/tls.key`,
    `tls-ca-cert-file ${dir}/ca.crt`,
    // clients have the password; a certificate of theirs is checked when they show one
    `tls-auth-clients ${clients === 'required' ? 'yes' : 'optional'}`,
  ]
}

/** For REDIS_CLI_FLAGS of the scripts. */
export function tlsCliFlags (clients: Tls['clientCertificates'], dir = TLS_DIR): string[] {
  return ['--tls', '--cacert', `${dir}/ca.crt`, ...(clients === 'required' ? ['--cert', `${dir}/tls.crt`, '--key', `${dir}/tls.key`] : [])]
}
