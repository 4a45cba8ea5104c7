/** The password, by the Secret that holds it: no value of it is ever in a custom resource, a ConfigMap or an answer of the hook. */
import { z } from 'zod'
import { type CelRule, SecretName } from './kubernetes.ts'

export const Auth = z.object({
  secretName: SecretName.describe(
    'Secret of the same namespace: key password, and optionally previous-password (accepted as well) and users.acl (more users).'),
}).describe('Clients and the processes among themselves need a password.')
export type Auth = z.infer<typeof Auth>

/** Pods with another Secret would refuse the others; its content may change at any time. */
export const AUTH_RULES: readonly CelRule[] = [
  { rule: '!has(oldSelf.auth) || has(self.auth)', message: 'auth cannot be taken away' },
  { rule: '!has(oldSelf.auth) || !has(self.auth) || self.auth.secretName == oldSelf.auth.secretName', message: 'auth.secretName cannot be changed; change the Secret instead' },
]
