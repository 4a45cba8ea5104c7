import { execFile } from 'node:child_process'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { REDIS_PORT, SENTINEL_PORT, sleep, until } from './questions.ts'
import type { Pod } from './pod.ts'
import { createSecure, makeCertificates, PASSWORD, type Secure, type SecureOptions } from './secure.ts'

t.setTimeout(600_000)

const run = promisify(execFile)

async function secureFor (t: Test, options?: SecureOptions): Promise<Secure> {
  const lab = await createSecure(options)
  t.teardown(async () => {
    if (!t.passing()) for (const pod of lab.pods) t.comment(`${pod.name}\n${await pod.log()}`)
    await lab.close()
  })
  return lab
}

/** Bootstrap, a forced failover, one of a master that dies, a restart: the same as without, and no acknowledged write is missing. */
async function lives (t: Test, lab: Secure): Promise<void> {
  await lab.startAll()
  const first = await lab.healed()
  const write = async (master: number, key: string) => lab.ask(lab.redis[master]!, lab.redis[master]!.address(), REDIS_PORT, PASSWORD, 'SET', key, 'x')
  await until('a write', async () => (await write(first, 'a')).startsWith('OK') || undefined)
  for (const pod of lab.pods) {
    await until(`${pod.name} is ready`, async () => (await pod.script(`${pod.kind}-ready.sh`)).code === 0 || undefined)
    t.match(await pod.script(`${pod.kind}-alive.sh`), { code: 0 })
  }
  await until('a failover', async () => (await lab.ask(lab.sentinels[0]!, '127.0.0.1', SENTINEL_PORT, PASSWORD, 'SENTINEL', 'FAILOVER', 'mymaster')).startsWith('OK') || undefined)
  await until('another master', async () => await lab.infos(PASSWORD).then((all) => all.some((fields, ordinal) => ordinal > 0 && fields?.['role'] === 'master')) || undefined)
  const second = await lab.healed()
  t.not(second, first)
  await until('a write', async () => (await write(second, 'b')).startsWith('OK') || undefined)
  await lab.redis[second]!.kill()
  const third = await until('another master', async () => {
    const masters = (await lab.infos(PASSWORD)).findIndex((fields) => fields?.['role'] === 'master')
    return masters >= 0 ? masters : undefined
  })
  t.not(third, second)
  await lab.redis[second]!.start()
  t.equal(await lab.healed(), third)
  await until('all data everywhere', async () => (await lab.infos(PASSWORD)).every((fields) => fields?.['db0']?.startsWith('keys=2,')) || undefined)
  // its own file holds the password as sentinel has written it
  await lab.sentinels[1]!.kill()
  await lab.sentinels[1]!.start()
  t.equal(await lab.healed(), third)
}

async function keepsTheSecret (t: Test, lab: Secure): Promise<void> {
  for (const pod of lab.pods) {
    const port = pod.kind === 'redis' ? REDIS_PORT : SENTINEL_PORT
    for (const wrong of [undefined, 'wrong']) t.match(await lab.ask(pod, pod.address(), port, wrong, 'INFO'), /^NOAUTH/, `${pod.name} is closed`)
    t.notMatch(await pod.log(), 'HOME', `the log of ${pod.name} does not hold it`)
    const conf = join(pod.data, `${pod.kind}.conf`)
    t.match(await readFile(conf, 'utf8'), /^user default on .*[#>]/m)
    t.equal((await stat(conf)).mode & 0o777, 0o600, `${conf} also after redis has rewritten it`)
  }
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')
    // also by its loader, see local/redis-versions
    if (/^[^\0]*(redis-|valkey-|ld-linux)/.test(line)) t.notMatch(line, '`id`')
  }
}

t.test('a cluster with a password lives as one without, and keeps it secret', async (t) => {
  const lab = await secureFor(t, { shell: ['busybox', 'sh'] })
  await lives(t, lab)
  await keepsTheSecret(t, lab)
})

t.test('a cluster with a password and TLS on IPv6 addresses lives as one without', async (t) => {
  const lab = await secureFor(t, { tls: 'optional', ipv6: true })
  await lives(t, lab)
  await keepsTheSecret(t, lab)
  const [pod] = lab.redis
  const plain = run(pod!.sandbox.enter[0] ?? '', [...pod!.sandbox.enter.slice(1), 'timeout', '3', 'sh', '-c', `printf 'PING\\r\\n' | busybox nc ${pod!.address()} ${REDIS_PORT}`])
  t.notMatch((await plain.catch(() => ({ stdout: '' }))).stdout, /PONG|NOAUTH/, 'nothing answers in plain text')
})

for (const tls of ['optional', 'required'] as const) {
  t.test(`a renewed certificate (clients' are ${tls}): redis shows it without a restart, the sentinels restart in turn, all stay ready`, async (t) => {
    const lab = await secureFor(t, { tls, environment: { TURN_SECONDS: '1' } })
    await lab.startAll()
    const master = await lab.healed()
    const pids = lab.redis.map((pod) => pod.pid())
    const shown = async (pod: Pod) => {
      const port = pod.kind === 'redis' ? REDIS_PORT : SENTINEL_PORT
      const command = [...pod.sandbox.enter, 'sh', '-c', `openssl s_client -connect ${pod.address()}:${port} </dev/null 2>/dev/null | openssl x509 -noout -serial`]
      return (await run(command[0] as string, command.slice(1))).stdout.trim()
    }
    const before = await shown(lab.redis[0] as Pod)
    t.match(before, /^serial=/)
    for (const pod of lab.pods) t.match(await pod.script(`${pod.kind}-ready.sh`), { code: 0 })
    await makeCertificates(lab.tlsDir, 'leaf')
    const restarted = new Set<string>()
    await until('everybody shows the new one', async () => {
      for (const pod of lab.pods) {
        const { code, output } = await pod.script(`${pod.kind}-ready.sh`)
        if (code === 0) continue
        t.equal(output, 'restarts with the new certificate')
        await until('it ends', async () => !pod.isRunning() || undefined)
        restarted.add(pod.name)
        await pod.start()
        await until('it is ready again', async () => (await pod.script(`${pod.kind}-ready.sh`)).code === 0 || undefined)
      }
      const all = await Promise.all(lab.pods.map((pod) => shown(pod).catch(() => before)))
      return all.every((serial) => serial !== before && serial.startsWith('serial=')) || undefined
    })
    t.strictSame([...restarted].sort(), lab.sentinels.map(({ name }) => name), 'the sentinels, and nobody else')
    t.strictSame(lab.redis.map((pod) => pod.pid()), pids)
    t.equal(await lab.healed(), master, 'and no failover')
    for (const pod of lab.pods) t.match(await pod.script(`${pod.kind}-alive.sh`), { code: 0 })
  })
}

t.test('pods with another password wait and say so, and go on with the right one; no data is lost', async (t) => {
  const lab = await secureFor(t)
  await lab.startAll()
  const master = await lab.healed()
  const [first, second] = [lab.redis[master], lab.redis[(master + 1) % 3]]
  await until('a write', async () => (await lab.ask(first!, first!.address(), REDIS_PORT, PASSWORD, 'SET', 'a', 'x')).startsWith('OK') || undefined)
  await sleep(500)
  await lab.sentinels[0]!.kill()
  await lab.sentinels[0]!.wipe()
  await second!.kill()
  await second!.wipe()
  for (const pod of [second!, lab.sentinels[0]!]) {
    await lab.setPassword(pod, 'another')
    await pod.start()
    const ready = () => pod.script(`${pod.kind}-ready.sh`)
    await until('the reason', async () => /^waiting: .*; refuses the password/.test((await ready()).output) || undefined)
    t.match(await pod.script(`${pod.kind}-alive.sh`), { code: 0 })
  }
  await sleep(5000)
  for (const pod of [second!, lab.sentinels[0]!]) {
    t.notMatch((await pod.log()).split('waiting: ').at(-1), /starts as|monitors/, `${pod.name} does not start`)
    await lab.setPassword(pod, PASSWORD)
  }
  t.equal(await lab.healed(), master)
  await until('all data everywhere', async () => (await lab.infos(PASSWORD)).every((fields) => fields?.['db0']?.startsWith('keys=1,')) || undefined)
})

t.test('a master whose redis has another password than its pod knows says so in preStop and in its readiness', async (t) => {
  const lab = await secureFor(t)
  await lab.startAll()
  await lab.healed()
  const [first] = lab.redis
  t.match(await lab.ask(first!, first!.address(), REDIS_PORT, PASSWORD, 'CONFIG', 'SET', 'requirepass', 'another'), /^OK/)
  t.match(await first!.script('redis-ready.sh'), { code: 1, output: 'redis refuses the password' })
  t.match(await first!.script('redis-alive.sh'), { code: 0 })
  await first!.script('redis-prestop.sh')
  t.match(await first!.log(), /no handover in time: (NOAUTH|WRONGPASS|AUTH failed)/, 'it has waited for the probe')
})
