import t from 'tap'
import { chosenCauses, usual } from '../../bench/failover/causes.ts'
import { another, everywhere, timesIn } from '../../bench/failover/changes.ts'

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
