import fc from 'fast-check'
import t from 'tap'
import { Quantity } from '../../src/api/kubernetes.ts'
import { canonicalQuantity, prune } from '../../src/metadata/canonical.ts'

/** What the API server writes back: apimachinery's Quantity, and resource lists are rounded up to thousandths. */
const printed: Record<string, string> = {
  0: '0',
  '0m': '0',
  '0Gi': '0',
  '0.0': '0',
  1: '1',
  '1.0': '1',
  '007': '7',
  '1000m': '1',
  '1500m': '1500m',
  '100m': '100m',
  0.5: '500m',
  0.1: '100m',
  1.25: '1250m',
  0.0001: '1m',
  '1.5m': '2m',
  1000: '1k',
  1024: '1024',
  '1000k': '1M',
  '1.5k': '1500',
  '1500k': '1500k',
  '1000M': '1G',
  '1000P': '1E',
  '1000E': '1000E',
  '1024Mi': '1Gi',
  '1Gi': '1Gi',
  '1.5Gi': '1536Mi',
  '0.5Gi': '512Mi',
  '1536Mi': '1536Mi',
  '1025Ki': '1025Ki',
  '1000Ki': '1000Ki',
  '0.5Ki': '512',
  '0.9765625Ki': '1k',
  '0.1Gi': '107374182400m',
  '0.1Ki': '102400m',
  '90281.250Ki': '92448k',
  '1024Ti': '1Pi',
  '1Ei': '1Ei',
}

for (const [given, expected] of Object.entries(printed)) {
  t.test(`${given} is printed as ${expected}`, async (t) => {
    t.equal(canonicalQuantity(given), expected)
  })
}

const quantity = fc.tuple(fc.nat(99999), fc.option(fc.nat(999)), fc.constantFrom('', 'm', 'k', 'M', 'G', 'T', 'P', 'Ki', 'Mi', 'Gi', 'Ti'))
  .map(([whole, fraction, suffix]) => `${whole}${fraction === null ? '' : `.${fraction}`}${suffix}`)

t.test('what is printed is printed the same again, and is a quantity', async (t) => {
  fc.assert(fc.property(quantity, (given) => {
    const once = canonicalQuantity(given)
    return canonicalQuantity(once) === once && Quantity.safeParse(once).success
  }), { numRuns: 1000 })
  t.pass()
})

t.test('a quantity keeps its value but for less than a thousandth', async (t) => {
  const UNITS: Record<string, number> = { '': 1, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 }
  const value = (some: string) => Number.parseFloat(some) * (UNITS[some.replace(/[\d.]/g, '')] ?? Number.NaN)
  fc.assert(fc.property(quantity, (given) => {
    const off = value(canonicalQuantity(given)) - value(given)
    return Math.abs(off) <= Math.max(0.001, value(given) * 1e-12)
  }), { numRuns: 1000 })
  t.pass()
})

t.test('pruning leaves out what the API server would not write back, at any depth', async (t) => {
  const given = { a: undefined, b: null, c: {}, d: [], e: { f: { g: [] } }, h: 0, i: '', j: false, k: [{ l: null, m: 1 }, {}] }
  t.strictSame(prune(given), { h: 0, i: '', j: false, k: [{ m: 1 }, {}] })
})

t.test('an empty selector stays: it selects everything, none at all nothing', async (t) => {
  const term = { labelSelector: {}, namespaceSelector: {}, topologyKey: 'zone' }
  t.strictSame(prune({ podAntiAffinity: [term], podSelector: { matchLabels: {} }, nodeSelector: {} }), { podAntiAffinity: [term], podSelector: {} })
  t.strictSame(prune({ labelSelector: undefined, podSelector: null }), {})
})

t.test('pruning copies and is done after once', async (t) => {
  fc.assert(fc.property(fc.jsonValue(), (given) => {
    const before = JSON.stringify(given)
    const once = prune(given)
    return JSON.stringify(prune(once)) === JSON.stringify(once) && JSON.stringify(given) === before
  }))
  const given = { a: { b: [1] } }
  t.not(prune(given).a.b, given.a.b)
})
