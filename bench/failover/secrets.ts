/** The Secrets of the measured RedisSentinel: its password and its certificate, made here. */
import { randomBytes, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeCertificates } from '../../test/lab/secure.ts'
import { apply, type Security, type Target } from './target.ts'

const [PASSWORD, CERTIFICATE] = ['bench-password', 'bench-certificate']
const AUTH = { auth: { secretName: PASSWORD } }

/** What the spec says about them. */
export const SECURED: Readonly<Record<Security, object>> = {
  none: {},
  password: AUTH,
  tls: { ...AUTH, tls: { secretName: CERTIFICATE, clientCertificates: 'optional' } },
}

export function newPassword (): string {
  return randomBytes(24).toString('hex')
}

export async function putPassword (target: Target, password: string): Promise<void> {
  await apply(target, { apiVersion: 'v1', kind: 'Secret', metadata: { name: PASSWORD, namespace: target.namespace }, stringData: { password } })
}

/** A new one in that folder; `leaf`: of the authority that is there. Resolves to its serial number. */
export async function putCertificate (target: Target, folder: string, which: 'all' | 'leaf'): Promise<string> {
  await makeCertificates(folder, which)
  const read = async (file: string) => [file, await readFile(join(folder, file), 'utf8')] as const
  const stringData = Object.fromEntries(await Promise.all(['tls.crt', 'tls.key', 'ca.crt'].map(read)))
  const metadata = { name: CERTIFICATE, namespace: target.namespace }
  await apply(target, { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/tls', stringData })
  return new X509Certificate(stringData['tls.crt'] ?? '').serialNumber
}
