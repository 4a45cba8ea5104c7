/** TLS, by the Secret that holds the certificate: cert-manager makes such ones. */
import { z } from 'zod'
import { type CelRule, SecretName } from './kubernetes.ts'

export const Tls = z.object({
  secretName: SecretName.describe(
    'Secret of the same namespace with the keys tls.crt, tls.key and ca.crt. It may be renewed at any time.'),
  clientCertificates: z.enum(['optional', 'required']).default('optional').describe(
    'required: clients, too, must show a certificate of that authority.'),
}).describe('Everything is served and dialled by TLS alone.')
export type Tls = z.infer<typeof Tls>

/** Pods with and without it cannot talk to each other. */
export const TLS_RULES: readonly CelRule[] = [
  { rule: 'has(self.tls) == has(oldSelf.tls)', message: 'tls cannot be added or taken away' },
]
