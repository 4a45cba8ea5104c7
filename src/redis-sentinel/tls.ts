// TLS for redis, sentinel and redis-cli, from one mounted Secret of the type kubernetes.io/tls with its ca.crt. The certificate
// serves both directions: who names uses in it (extendedKeyUsage) names server and client authentication.

/** Where the Secret is mounted. */
const TLS_DIR = '/tls'

/** For redis.conf and sentinel.conf in place of `port`: nothing is served in plain text, and links to others are not plain either. */
export function tlsConf (port: number, dir = TLS_DIR): string[] {
  return [
    'port 0',
    `tls-port ${port}`,
    // a sentinel as well: it dials in plain text without it, and announces port 0
    'tls-replication yes',
    `tls-cert-file ${dir}/tls.crt`,
    `tls-key-file ${dir}/tls.key`,
    `tls-ca-cert-file ${dir}/ca.crt`,
    // clients have the password; a certificate of theirs is checked when they show one
    'tls-auth-clients optional',
  ]
}

/** For REDIS_CLI_FLAGS in cluster.env. */
export function tlsCliFlags (dir = TLS_DIR): string[] {
  return ['--tls', '--cacert', `${dir}/ca.crt`, '--cert', `${dir}/tls.crt`, '--key', `${dir}/tls.key`]
}
