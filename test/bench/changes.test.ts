import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import t from 'tap'
import { chosenCauses, usual } from '../../bench/failover/causes.ts'
import { another, everywhere, shownSerial, timesIn } from '../../bench/failover/changes.ts'
import { makeCertificates } from '../lab/secure.ts'

const CHANGES = ['config', 'rotation', 'renewal']
const names = (list: string) => chosenCauses(list).map(({ name }) => name)

t.test('what ends no master is measured only when it is named', async (t) => {
  t.strictSame(names(''), usual.map(({ name }) => name))
  t.notOk(names('').some((name) => CHANGES.includes(name)))
  t.strictSame(names('renewal,kill,config'), ['renewal', 'kill', 'config'], 'in the given order')
  t.throws(() => chosenCauses('kill,rust'), /no cause 'rust'; there are: kill, .*renewal/)
})

t.test('each cause has what it needs: only a rotation a password, and a renewal TLS', async (t) => {
  const secured = chosenCauses([...names(''), ...CHANGES].join(',')).filter(({ security }) => security !== undefined)
  t.strictSame(secured.map(({ name, security }) => [name, security]), [['rotation', 'password'], ['renewal', 'tls']])
})

t.test('each change of maxmemory is one', async (t) => {
  const first = another('0')
  const second = another(first)
  t.not(second, first)
  t.equal(another(second), first)
  t.equal(another(undefined), first)
  t.match(first, /^\d+$/, 'in bytes, as CONFIG GET says it')
})

t.test('what a log says is counted', async (t) => {
  t.equal(timesIn('', 'uses it'), 0)
  t.equal(timesIn('a: uses it\nb: accepts it\na: uses it\n', 'uses it'), 2)
})

t.test('everywhere: each is asked until it says yes, no longer, and an error is no answer', async (t) => {
  const asked: Record<string, number> = { one: 0, two: 0 }
  await everywhere('has it', [{ name: 'one' }, { name: 'two' }], async ({ name }) => {
    const times = asked[name] = (asked[name] ?? 0) + 1
    if (name === 'two' && times === 1) throw new Error('connection refused')
    return name === 'one' || times === 3
  }, 1)
  t.strictSame(asked, { one: 1, two: 3 })
})

t.test('a certificate is known by its serial number, as the one that shows it and as the file has it', async (t) => {
  const folder = t.testdir({})
  await makeCertificates(folder)
  const [cert, key] = await Promise.all(['tls.crt', 'tls.key'].map((file) => readFile(`${folder}/${file}`)))
  const server = createServer({ cert, key }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const member = { name: 'redis-0', ip: '127.0.0.1', port: (server.address() as AddressInfo).port }
  t.equal(await shownSerial(member), new X509Certificate(cert ?? '').serialNumber)
  server.close()
  await t.rejects(shownSerial(member), { code: 'ECONNREFUSED' })
})
