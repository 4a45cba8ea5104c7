import t from 'tap'
import { config } from '../../src/operator/config.ts'

t.test('an empty environment is a whole one', async (t) => {
  t.strictSame(config({}), { port: 8080, metricsPort: 9090, logLevel: 'info' })
})

t.test('every variable is read, and others are not looked at', async (t) => {
  t.strictSame(config({ PORT: '8081', METRICS_PORT: '0', LOG_LEVEL: 'debug', HOME: '/' }), { port: 8081, metricsPort: 0, logLevel: 'debug' })
})

t.test('the settings cannot be changed', async (t) => {
  t.ok(Object.isFrozen(config({})))
})

const wrong: readonly (readonly [variable: string, value: string])[] = [
  ...['', ' ', 'http', '-1', '65536', '80.5', '0x50', '1e3'].map((value) => ['PORT', value] as const),
  ['METRICS_PORT', 'nine'],
  ['METRICS_PORT', '123456'],
  ['LOG_LEVEL', 'loud'],
  ['LOG_LEVEL', ''],
]
for (const [variable, value] of wrong) {
  t.test(`the message names ${variable} for ${JSON.stringify(value)}`, async (t) => {
    t.throws(() => config({ [variable]: value }), { message: new RegExp(`^invalid environment: [^]*${variable}`) })
  })
}

t.test('all wrong variables are named at once', async (t) => {
  t.throws(() => config({ PORT: 'a', METRICS_PORT: 'b', LOG_LEVEL: 'c' }), { message: /METRICS_PORT/ })
  t.throws(() => config({ PORT: 'a', METRICS_PORT: 'b', LOG_LEVEL: 'c' }), { message: /LOG_LEVEL/ })
})
