// make fuzz: the webhook with broken requests for some minutes. Whatever comes, the answer is right, or a clear refusal.
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { grouped, type RequestBody } from '../../src/hook/rehearse.ts'
import { metrics } from '../../src/operator/metrics.ts'
import { buildServer } from '../../src/operator/server.ts'
import { KIND_NAMES, NOW, pods, settled, syncRequest } from '../fixtures.ts'
import { mutated, type Mutation, mutations } from './mutations.ts'

const USAGE = `usage: make fuzz [MINUTES=10] [SEED=n]
Sends broken sync requests to the webhook, for so long or until an answer is wrong: then the smallest request that shows it is printed, and
the seed. Right is: 200 with every child that was observed; or 4xx, or 500 where the hook refuses on purpose, with a sentence.`

const REFUSALS = /holds no valid one|does not declare|outside of the parent's namespace|desired twice|holds null|knows no children of the kind/

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' }, help: { type: 'boolean' } } })

interface Base { readonly path: string, readonly request: RequestBody }

/** Nothing there yet, the first answer, and all of it with pods. */
const BASES: readonly Base[] = KIND_NAMES.flatMap((name) => {
  const { request, response } = settled(name)
  const started = { ...request, children: grouped(response.children.filter(({ kind }) => kind === 'Service')) }
  const related = { 'Pod.v1': Object.fromEntries(pods().map((pod) => [`shop/${pod.metadata?.name}`, pod])) }
  return [syncRequest(name), started, { ...request, related }].map((base) => ({ path: `/v1/${name}/sync`, request: base as RequestBody }))
})

interface Answer { readonly code: number, readonly text: string }

/** What is wrong with the answer; undefined when it is right. */
function fault (base: RequestBody, body: Buffer, { code, text }: Answer): string | undefined {
  const answer = parsed(text)
  if (answer === undefined) return `${code} with no JSON: ${text.slice(0, 200)}`
  if (code === 200) return dropped(base, body, answer)
  if (typeof answer.error !== 'string' || answer.error === '') return `${code} without a sentence: ${text.slice(0, 200)}`
  if (code >= 400 && code < 500) return undefined
  return code === 500 && REFUSALS.test(answer.error) ? undefined : `${code}: ${answer.error}`
}

function parsed (text: string): { error?: unknown, children?: { kind: string, metadata: { name: string } }[] } | undefined {
  try {
    return JSON.parse(text) as object
  } catch {
    return undefined
  }
}

/** A child that Metacontroller observed and the answer lacks is deleted: that must never come from a broken object beside it. */
function dropped (base: RequestBody, body: Buffer, { children = [] }: NonNullable<ReturnType<typeof parsed>>): string | undefined {
  const request = JSON.parse(body.toString()) as RequestBody
  const parent = (request.parent as { metadata: { name: string } }).metadata.name
  if (parent !== 'demo') return undefined
  const [known, wanted] = [new Set(names(base.children)), new Set(children.map(({ kind, metadata }) => `${kind} ${metadata.name}`))]
  // what goes with the field that it is for: the exporter's Service, policies, the right to read a Secret
  const lost = names(request.children).find((child) => known.has(child) && !wanted.has(child) && !child.endsWith('-exporter') && !/^(NetworkPolicy|Role|RoleBinding) /.test(child))
  return lost === undefined ? undefined : `${lost} was observed and is not in the answer`
}

function names (children: RequestBody['children']): string[] {
  return Object.entries(children).flatMap(([group, objects]) => (Object.values(objects) as { kind: string, metadata: { name: string } }[])
    .filter(({ kind }) => group.startsWith(`${kind}.`)).map(({ kind, metadata }) => `${kind} ${metadata.name}`))
}

async function send (server: FastifyInstance, path: string, payload: Buffer): Promise<Answer> {
  const { statusCode, body } = await server.inject({ method: 'POST', url: path, headers: { 'content-type': 'application/json' }, payload })
  return { code: statusCode, text: body }
}

async function main (): Promise<number> {
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const server = buildServer({ logger: pino({ level: 'silent' }), metrics: metrics(), now: () => NOW })
  await server.ready()
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  const minutes = Number(values.minutes)
  const codes = new Map<number, number>()
  const progress = setInterval(() => { console.log(`${JSON.stringify(Object.fromEntries(codes))}`) }, 30_000)
  const property = fc.asyncProperty(fc.nat(BASES.length - 1), mutations, async (index: number, steps: readonly Mutation[]) => {
    const { path, request } = BASES[index] as Base
    const body = mutated(request, steps)
    const answer = await send(server, path, body)
    codes.set(answer.code, (codes.get(answer.code) ?? 0) + 1)
    const wrong = fault(request, body, answer)
    if (wrong !== undefined) throw new Error(`${path}: ${wrong}`)
  })
  console.log(`seed ${seed}, ${minutes} min`)
  const result = await fc.check(property, { seed, numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: minutes * 60_000 })
  clearInterval(progress)
  await server.close()
  if (result.counterexample) {
    console.log(`seed ${seed}, run ${result.numRuns}: ${JSON.stringify(result.counterexample)}\n${String(result.errorInstance)}`)
    return 1
  }
  console.log(`no finding in ${result.numRuns} requests; answers by code: ${JSON.stringify(Object.fromEntries(codes))}`)
  return 0
}

process.exitCode = await main()
