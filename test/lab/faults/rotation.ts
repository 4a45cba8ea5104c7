// Fault 32: a new password and new certificates while clients write.
import { Redis } from 'ioredis'
import { REDIS_PORT, SENTINEL_PORT, sleep, until } from '../questions.ts'
import { createSecure, makeCertificates, PASSWORD, type Secure } from '../secure.ts'
import { startWriter } from '../writer.ts'
import type { Fault, Result } from './run.ts'

const NEXT = 'the "next" $ecret'

/** What the kubelets do: the Secret comes to one pod after the other, and the readiness checks do the rest. */
async function changePassword ({ pods, ask, setPassword }: Secure): Promise<void> {
  for (const pod of pods) {
    await setPassword(pod, NEXT)
    await pod.script(`${pod.kind}-ready.sh`)
  }
  const former = (pod: Secure['pods'][number]) => ask(pod, pod.address(), pod.kind === 'redis' ? REDIS_PORT : SENTINEL_PORT, PASSWORD, 'PING')
  await until('the former password is refused everywhere', async () => {
    for (const pod of pods) await pod.script(`${pod.kind}-ready.sh`)
    return (await Promise.all(pods.map(former))).every((answer) => !answer.includes('PONG')) || undefined
  })
}

/** Redis reads them again; a sentinel cannot, ends itself in its turn and is started again. */
async function changeCertificates ({ pods, sentinels, tlsDir, healed }: Secure): Promise<void> {
  await makeCertificates(tlsDir, 'leaf')
  const waiting = new Set(sentinels)
  await until('every sentinel has restarted', async () => {
    for (const pod of pods) await pod.script(`${pod.kind}-ready.sh`)
    for (const pod of [...waiting].filter((one) => !one.isRunning())) {
      waiting.delete(pod)
      await pod.start()
      await healed(NEXT)
    }
    return waiting.size === 0 || undefined
  })
}

async function rotate (): Promise<Omit<Result, 'number' | 'name' | 'seed'>> {
  const lab = await createSecure({ tls: 'optional', environment: { FORMER_SECONDS: '2', TURN_SECONDS: '2' } })
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
