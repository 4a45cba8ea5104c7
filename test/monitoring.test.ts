/** manifests/monitoring against the code that it watches: what it scrapes, the metrics it asks for, its documents, its own tests. */
import { readdirSync } from 'node:fs'
import { execa } from 'execa'
import type { Deployment, StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { PodTemplateSpec } from 'kubernetes-types/core/v1.js'
import type { Registry } from 'prom-client'
import t from 'tap'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { ROLE_LABEL } from '../src/metadata/labels.ts'
import { metrics } from '../src/operator/metrics.ts'
import { createMetrics } from '../src/probe/metrics.ts'
import { KIND_NAMES, redis, redisSentinel, settled, text } from './fixtures.ts'

interface Alert { alert: string, expr: string, for?: string, labels: { severity: string }, annotations: Record<string, string> }
interface Rules { spec: { groups: { name: string, rules: Alert[] }[] } }
interface Relabeling { sourceLabels?: string[], targetLabel: string, replacement?: string, regex?: string }
interface PodMonitor {
  kind: string
  metadata: { name: string }
  spec: {
    namespaceSelector?: { any: boolean }
    selector: { matchLabels: Record<string, string>, matchExpressions?: { key: string, operator: string, values: string[] }[] }
    podMetricsEndpoints: [{ port: string, interval: string, honorLabels?: boolean, relabelings: Relabeling[] }]
  }
}
interface Case { alertname: string, exp_alerts?: object[] }
interface RuleTests { rule_files: string[], tests: { name: string, alert_rule_test: Case[] }[] }
interface Panel { id: number, type: string, title: string, targets?: { expr: string }[], gridPos: { h: number, w: number, x: number, y: number } }
interface Dashboard { panels: Panel[], annotations: { list: { expr: string }[] }, templating: { list: { query: string | { query: string } }[] } }
interface Metric { name: string, type: string, labelNames: string[] }

const FOLDER = 'manifests/monitoring'
const { spec: rules } = parse(text(`${FOLDER}/prometheus-rule.yaml`)) as Rules
const alerts = rules.groups.flatMap((group) => group.rules)
const monitors = new Map(parseAllDocuments(text(`${FOLDER}/pod-monitors.yaml`)).map((document) => document.toJS() as PodMonitor)
  .map((monitor) => [monitor.metadata.name, monitor]))
const dashboard = JSON.parse(text(`${FOLDER}/dashboard.json`)) as Dashboard
const ruleTests = parse(text(`${FOLDER}/rules.test.yaml`)) as RuleTests

const panelQueries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  .concat(dashboard.annotations.list.map(({ expr }) => expr))
const variables = dashboard.templating.list.map(({ query }) => typeof query === 'string' ? query : query.query)
const expressions = [...alerts.map(({ expr }) => expr), ...panelQueries, ...variables]

/** Ours of both processes; prom-client's own begin otherwise. */
const OURS = /^(redis_operator|sentinel_probe)_/
const registries = [metrics().registry, createMetrics({ reports: () => [], isActive: () => true }).registry]
const ours = registries.flatMap((registry: Registry) => registry.getMetricsAsArray() as unknown as Metric[]).filter(({ name }) => OURS.test(name))

/** Names of metrics in an expression; those of a histogram without their ends. A variable of the dashboard has them in a text. */
function used (expr: string): string[] {
  const withoutTexts = expr.replace(/(?<!__name__=~)"[^"]*"/g, '')
  return [...withoutTexts.matchAll(/\b(redis|sentinel_probe|kubelet|kube)_\w+/g)].map(([name]) => name.replace(/_bucket$/, ''))
}

const sections = (markdown: string, mark: string) => markdown.split('\n').filter((line) => line.startsWith(`${mark} `)).map((line) => line.slice(mark.length + 1))
const distinct = (names: readonly string[]) => [...new Set(names)].sort()

t.test('the kustomization uses every file but the tests, and what it names exists', async (t) => {
  const { resources, configMapGenerator } = parse(text(`${FOLDER}/kustomization.yaml`)) as { resources: string[], configMapGenerator: [{ files: string[] }] }
  const named = [...resources, ...configMapGenerator[0].files, 'kustomization.yaml', 'rules.test.yaml']
  t.strictSame(named.sort(), readdirSync(new URL(`../${FOLDER}`, import.meta.url)).sort())
})

function scrapes (name: string, template: PodTemplateSpec | undefined): boolean {
  const { selector: { matchLabels, matchExpressions = [] }, podMetricsEndpoints: [{ port }] } = monitors.get(name)?.spec ?? t.bailout(name) as never
  const labels = template?.metadata?.labels ?? {}
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, values }) => values.includes(labels[key] ?? '')) &&
    (template?.spec?.containers.some(({ ports }) => ports?.some((one) => one.name === port)) ?? false)
}

t.test('webhook and probe are scraped, each under the job that the rules name', async (t) => {
  const template = (folder: string) => (parse(text(`manifests/${folder}/deployment.yaml`)) as Deployment).spec?.template
  t.ok(scrapes('redis-operator', template('operator')) && scrapes('sentinel-probe', template('probe')))
  t.notOk(scrapes('redis-operator', template('probe')) || scrapes('sentinel-probe', template('operator')))
  t.equal(monitors.get('sentinel-probe')?.spec.podMetricsEndpoints[0].honorLabels, true, 'or its namespace would be that of the CR no more')
  for (const [name, { kind, spec }] of monitors) {
    t.equal(kind, 'PodMonitor')
    t.match(spec.podMetricsEndpoints[0].relabelings[0], { targetLabel: 'job', replacement: name })
  }
  const jobs = expressions.flatMap((expr) => [...expr.matchAll(/job="([^"]+)"/g)].map(([, job]) => job as string))
  t.strictSame(distinct(jobs), distinct([...monitors.keys()]))
})

for (const name of KIND_NAMES) {
  t.test(`${name}: pods with an exporter are scraped in every namespace, the others are not`, async (t) => {
    const templates = (enable: boolean) => settled(name, (name === 'redis' ? redis : redisSentinel)({ exporter: { enable } })).response.children
      .filter(({ kind }) => kind === 'StatefulSet').map((child) => (child as StatefulSet).spec?.template)
    t.equal(templates(true).filter((template) => scrapes('redis-exporter', template)).length, 1)
    t.notOk(templates(false).some((template) => scrapes('redis-exporter', template)))
    t.ok(monitors.get('redis-exporter')?.spec.namespaceSelector?.any)
  })
}

t.test('the exporter\'s series get the cluster and the role of the pod\'s labels', async (t) => {
  const [{ relabelings } = t.bailout('no endpoint') as never] = monitors.get('redis-exporter')?.spec.podMetricsEndpoints ?? []
  const sources = Object.fromEntries(relabelings.filter(({ sourceLabels }) => sourceLabels).map(({ sourceLabels, targetLabel }) => [targetLabel, sourceLabels]))
  t.strictSame(sources, Object.fromEntries(['app', 'name', 'role'].map((label) =>
    [label, [`__meta_kubernetes_pod_label_${label === 'role' ? ROLE_LABEL.replace('-', '_') : label}`]])))
})

t.test('every alert says how bad it is and what to do, and every section of docs/runbooks.md is of an alert', async (t) => {
  for (const { alert, labels, annotations } of alerts) {
    t.match(alert, /^Redis([A-Z][a-z]+)+$/)
    t.match(labels.severity, /^(critical|warning|info)$/, alert)
    t.ok(annotations['summary'] && annotations['description'], alert)
    t.equal(annotations['runbook_url'], `docs/runbooks.md#${alert.toLowerCase()}`)
  }
  t.strictSame(sections(text('docs/runbooks.md'), '##'), [...new Set(alerts.map(({ alert }) => alert)), 'Conditions'])
})

t.test('every reason of a condition that somebody has to act on has a section in docs/runbooks.md', async (t) => {
  const rows = text('docs/conditions.md').split('\n').filter((line) => /^\| `/.test(line)).map((line) => line.split('|').map((cell) => cell.trim()))
  const actionable = rows.filter((cells) => !/^(nothing.*)?$/.test(cells[5] ?? '')).map((cells) => (cells[3] ?? '').replaceAll('`', ''))
  t.strictSame(distinct(sections(text('docs/runbooks.md'), '###').flatMap((title) => title.split(', '))), distinct(actionable))
})

t.test('rules and dashboard ask only for metrics that there are, by labels that they have', async (t) => {
  const labelsOf = new Map(ours.map(({ name, labelNames }) => [name, labelNames]))
  const document = text('docs/metrics.md')
  for (const expr of expressions) {
    for (const name of used(expr)) {
      if (OURS.test(name)) t.ok(labelsOf.has(name), name)
      else t.ok(document.includes(`\`${name}\``) || /^kubelet_/.test(name), `${name} stands in docs/metrics.md`)
    }
    for (const [, name = '', selector = ''] of expr.matchAll(/(\w+)\{([^}]*)\}/g)) {
      const labels = labelsOf.get(name.replace(/_bucket$/, ''))
      const asked = [...selector.matchAll(/(\w+)[=!]/g)].map(([, label]) => label as string)
      if (labels) t.strictSame(asked.filter((label) => label !== 'job' && !labels.includes(label)), [], name)
    }
  }
  t.ok(expressions.flatMap(used).length > 50)
})

t.test('docs/metrics.md lists every metric of both processes with its type and labels, and no other', async (t) => {
  const rows = text('docs/metrics.md').split('\n').map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([, name = '']) => OURS.test(name.replaceAll('`', '')))
  const documented = rows.map(([, name, type, labels]) => `${name} ${type} ${labels}`.replaceAll('`', ''))
  t.strictSame(documented.sort(), ours.map(({ name, type, labelNames }) => `${name} ${type} ${labelNames.join(', ')}`).sort())
})

t.test('the dashboard: one id for each panel, and no two at the same place', async (t) => {
  const places = dashboard.panels.flatMap(({ gridPos: { h, w, x, y } }) =>
    Array.from({ length: h * w }, (_, i) => `${x + i % w} ${y + Math.floor(i / w)}`))
  t.equal(new Set(places).size, places.length)
  t.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
  t.ok(dashboard.panels.every(({ type, targets = [] }) => (type === 'row') === (targets.length === 0)))
})

t.test('every alert has a case that fires and a silent one', async (t) => {
  const cases = ruleTests.tests.flatMap((test) => test.alert_rule_test)
  for (const name of new Set(alerts.map(({ alert }) => alert))) {
    const fires = cases.filter(({ alertname }) => alertname === name).map(({ exp_alerts: expected = [] }) => expected.length > 0)
    t.ok(fires.includes(true) && fires.includes(false), name)
  }
  t.strictSame(cases.map(({ alertname }) => alertname).filter((name) => alerts.every(({ alert }) => alert !== name)), [])
})

const promtool = (...args: string[]) => execa('promtool', args, { reject: false, all: true })
const skip = (await promtool('--version')).failed && 'there is no promtool on the PATH (make deps brings it)'

t.test('promtool: the rules are right and pass their tests, and the dashboard\'s expressions are ones', { skip }, async (t) => {
  const plain = (expr: string) => expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, 'any')
  const recorded = { groups: [{ name: 'dashboard', rules: panelQueries.map((expr, i) => ({ record: `dashboard:panel:${i}`, expr: plain(expr) })) }] }
  const folder = t.testdir({
    'rules.yaml': stringify(rules),
    'rules.test.yaml': text(`${FOLDER}/rules.test.yaml`),
    'dashboard.yaml': stringify(recorded),
  })
  t.strictSame(ruleTests.rule_files, ['rules.yaml'])
  for (const args of [['check', 'rules', `${folder}/rules.yaml`, `${folder}/dashboard.yaml`], ['test', 'rules', `${folder}/rules.test.yaml`]]) {
    const { failed, all } = await promtool(...args)
    t.notOk(failed, failed ? all : args.join(' '))
  }
})
