// Fault 32: a new password and new certificates while clients write, by the commands that a person has until the CR has fields.
import { Redis } from 'ioredis'
import { MASTER_NAME, REDIS_PORT, SENTINEL_PORT, sleep } from '../questions.ts'
import { createSecure, makeCertificates, PASSWORD, type Secure } from '../secure.ts'
import { startWriter } from '../writer.ts'
import type { Fault, Result } from './run.ts'

const NEXT = 'the "next" $ecret'

/** Both passwords are good until everybody uses the new one. */
async function changePassword ({ redis, sentinels, pods, ask, setPassword }: Secure): Promise<void> {
  const port = { redis: REDIS_PORT, sentinel: SENTINEL_PORT }
  for (const pod of pods) await ask(pod, pod.address(), port[pod.kind], PASSWORD, 'ACL', 'SETUSER', 'default', `>${NEXT}`)
  for (const pod of redis) await ask(pod, pod.address(), REDIS_PORT, PASSWORD, 'CONFIG', 'SET', 'masterauth', NEXT)
  for (const pod of sentinels) {
    await ask(pod, pod.address(), SENTINEL_PORT, PASSWORD, 'SENTINEL', 'SET', MASTER_NAME, 'auth-pass', NEXT)
    await ask(pod, pod.address(), SENTINEL_PORT, PASSWORD, 'SENTINEL', 'CONFIG', 'SET', 'sentinel-pass', NEXT)
  }
  for (const pod of pods) await setPassword(pod, NEXT)
  await sleep(2000)
  for (const pod of pods) await ask(pod, pod.address(), port[pod.kind], NEXT, 'ACL', 'SETUSER', 'default', `<${PASSWORD}`)
}

/** Redis reads them again when it is told the same names; a sentinel has no such command and restarts. */
async function changeCertificates ({ redis, sentinels, ask, tlsDir, healed }: Secure): Promise<void> {
  await makeCertificates(tlsDir, 'leaf')
  for (const pod of redis) {
    await ask(pod, pod.address(), REDIS_PORT, NEXT, 'CONFIG', 'SET', 'tls-cert-file', `${tlsDir}/tls.crt`, 'tls-key-file', `${tlsDir}/tls.key`)
  }
  for (const pod of sentinels) {
    await pod.terminate()
    await pod.start()
    await healed(NEXT)
  }
}

async function rotate (): Promise<Omit<Result, 'number' | 'name' | 'seed'>> {
  const lab = await createSecure({ tls: true })
  const violations: string[] = []
  try {
    await lab.startAll()
    const master = await lab.healed()
    const writer = startWriter([], { find: () => connect(lab, master) })
    await sleep(2000)
    await changePassword(lab)
    await changeCertificates(lab)
    const from = performance.now()
    if (await lab.healed(NEXT) !== master) violations.push('there was a failover')
    for (const pod of lab.pods) {
      const { code, output } = await pod.script(`${pod.kind}-ready.sh`)
      if (code !== 0) violations.push(`${pod.name} is not ready: ${output}`)
      if (/NOAUTH|WRONGPASS/.test(await pod.log())) violations.push(`${pod.name} was refused`)
    }
    const old = await lab.ask(lab.redis[0]!, lab.redis[0]!.address(), REDIS_PORT, PASSWORD, 'PING')
    if (old.includes('PONG')) violations.push('the old password is still good')
    const healMs = Math.round(performance.now() - from)
    await writer.stop()
    const lost = await writer.lost('', await connect(lab, master))
    if (lost > 0) violations.push(`${lost} acknowledged writes are lost`)
    return { acknowledged: writer.acknowledged(), lost, gapMs: writer.gap(), healMs, figures: [], violations }
  } catch (error) {
    return { acknowledged: 0, lost: -1, gapMs: 0, healMs: null, figures: [], violations: [String(error)] }
  } finally {
    await lab.close()
  }
}

/** A client that knows both passwords, as one does whose Secret changes. */
async function connect ({ redis }: Secure, master: number): Promise<Redis> {
  for (const password of [NEXT, PASSWORD]) {
    const client = new Redis({
      host: redis[master]!.address(),
      port: REDIS_PORT,
      password,
      tls: { rejectUnauthorized: false },
      lazyConnect: true,
      enableReadyCheck: false,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
    })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.ping()
      return client
    } catch {
      client.disconnect()
    }
  }
  throw new Error('both passwords are refused')
}

export const rotation: Fault = { number: 32, name: 'password and certificates change under load', run: rotate, inject: async () => {} }
