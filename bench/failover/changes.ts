/** What must cost nothing: changes that the pods take while they serve. Each resolves when all pods have it, by their own addresses. */
import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import type { Redis } from 'ioredis'
import { connect } from './clients.ts'
import { newPassword, putCertificate, putPassword } from './secrets.ts'
import { kubectl, type Login, pods, type Target, until } from './target.ts'

interface Member { readonly name: string, readonly ip: string, readonly port: number }

/** A kubelet brings a new Secret or ConfigMap within a minute or two. */
const SECONDS = 300
// the two cores of a small machine are the cluster's
const PACE_MS = 500
const LOGS_PACE_MS = 1000
const PATIENCE_MS = 1000
/** In bytes, as CONFIG GET says it; more than the clients write in a run. */
const MAXMEMORY = ['268435456', '536870912']
const USES = 'uses the new password'

export async function changeConfig (target: Target): Promise<void> {
  const redis = await redisMembers(target)
  const now = await Promise.all(redis.map((member) => maxmemory(member, target.login)))
  const value = another(now[0])
  await kubectl(target, 'patch', parentOf(target), '--type=merge', '-p', JSON.stringify({ spec: { config: { maxmemory: value } } }))
  await everywhere(`maxmemory is ${value}`, redis, async (member) => await maxmemory(member, target.login) === value)
}

/** The former one stays good for ten minutes: who is connected goes on with it, who connects from the middle on has the new one. */
export async function rotatePassword (target: Target): Promise<void> {
  const redis = await redisMembers(target)
  const login = { ...target.login, password: newPassword() }
  const before = new Map(await Promise.all(redis.map(async ({ name }) => [name, await said(target, name)] as const)))
  const members = await allMembers(target)
  await putPassword(target, login.password)
  await everywhere('accepts the new password', members, (member) => lets(member, login))
  target.login = login
  await everywhere(USES, redis, async ({ name }) => await said(target, name) > (before.get(name) ?? 0), LOGS_PACE_MS)
}

export async function renewCertificate (target: Target): Promise<void> {
  if (target.certificates === undefined) throw new Error('renewal: only for a cluster with TLS')
  const members = await allMembers(target)
  const serial = await putCertificate(target, target.certificates, 'leaf')
  await everywhere(`shows the certificate ${serial}`, members, async (member) => await shownSerial(member) === serial)
}

/** Asks each until it has said yes once. */
export async function everywhere<T extends { name: string }> (
  what: string, members: readonly T[], has: (member: T) => Promise<boolean>, paceMs = PACE_MS,
): Promise<void> {
  await Promise.all(members.map((member) => until(`${member.name}: ${what}`, async () => await has(member) || undefined, SECONDS, paceMs)))
}

/** The two values take turns. */
export function another (maxmemory: string | undefined): string {
  return MAXMEMORY.find((value) => value !== maxmemory) ?? ''
}

export function timesIn (log: string, text: string): number {
  return log.split(text).length - 1
}

export function shownSerial ({ ip, port }: Member): Promise<string> {
  const socket = connectTls({ host: ip, port, rejectUnauthorized: false })
  const patience = setTimeout(() => { socket.destroy(new Error(`no certificate of ${ip} within ${PATIENCE_MS} ms`)) }, PATIENCE_MS)
  return once(socket, 'secureConnect').then(() => socket.getPeerCertificate().serialNumber).finally(() => {
    clearTimeout(patience)
    socket.destroy()
  })
}

/** Does it take this login? */
async function lets (member: Member, login: Login): Promise<boolean> {
  return await ask(member, login, (redis) => redis.ping()) === 'PONG'
}

async function maxmemory (member: Member, login: Login): Promise<string | undefined> {
  return (await ask(member, login, (redis) => redis.call('CONFIG', 'GET', 'maxmemory')) as string[])[1]
}

async function ask<T> ({ ip, port }: Member, login: Login, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = await connect(ip, port, login)
  try {
    return await question(redis)
  } finally {
    redis.disconnect()
  }
}

async function said (target: Target, pod: string): Promise<number> {
  return timesIn(await kubectl(target, 'logs', pod, '-c', 'redis', '--tail=-1'), USES)
}

async function redisMembers (target: Target): Promise<Member[]> {
  return (await pods(target)).map(({ name, ip }) => ({ name, ip, port: 6379 }))
}

async function allMembers (target: Target): Promise<Member[]> {
  if (target.sentinels === undefined) throw new Error('only for a RedisSentinel of this operator')
  const sentinels = await pods(target, target.sentinels)
  return [...await redisMembers(target), ...sentinels.map(({ name, ip }) => ({ name, ip, port: 26379 }))]
}

function parentOf ({ parent }: Target): string {
  if (parent === undefined) throw new Error('only for a RedisSentinel of this operator')
  return parent
}
