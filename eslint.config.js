import neostandard, { plugins } from 'neostandard'

const restrictImports = (...patterns) => ({ 'no-restricted-imports': ['error', { patterns }] })
const except = (folders, why) => ({ group: folders.map((folder) => `**/${folder}/**`), message: why })
const shell = { group: ['node:*', 'fastify', 'ioredis', 'pino', 'prom-client', '@kubernetes/*'], message: 'the core is pure: no I/O here (design 3.1)' }
const runtime = { group: ['fastify', 'ioredis', 'prom-client', '@kubernetes/*'], message: 'not needed here' }

const pure = {
  'no-restricted-globals': ['error', 'process', 'fetch', 'setTimeout', 'setInterval', 'setImmediate', 'performance'],
  'no-restricted-properties': ['error',
    { object: 'Date', property: 'now', message: 'time comes as an argument' },
    { object: 'Math', property: 'random', message: 'the core is deterministic' }],
  'no-restricted-syntax': ['error', { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'time comes as an argument' }],
}

export default [
  ...neostandard({ ts: true, ignores: ['dist/**', '.tap/**', 'coverage/**'] }),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@typescript-eslint': plugins['typescript-eslint'].plugin },
    rules: {
      '@stylistic/comma-dangle': 'off',
      '@stylistic/max-len': ['error', { code: 140, ignoreStrings: true, ignoreTemplateLiterals: true, ignoreUrls: true }],
      // one name for a schema and its type
      '@typescript-eslint/no-redeclare': 'off',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      'max-lines': ['error', { max: 300 }],
      'max-lines-per-function': ['error', { max: 60 }],
      'max-depth': ['error', 3],
      complexity: ['error', 12],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
    },
  },
  // Who may import whom (design 7): operator -> hook -> {redis, redis-sentinel} -> metadata, api; probe -> metadata, api; embedded -> hook; crd -> api.
  { files: ['src/api/**'], rules: { ...pure, ...restrictImports(shell, except(['hook', 'redis', 'redis-sentinel', 'operator', 'probe', 'embedded', 'crd', 'metadata'], 'api imports nothing of ours')) } },
  { files: ['src/metadata/**'], rules: { ...pure, ...restrictImports({ ...shell, group: ['node:*', '!node:crypto', ...shell.group.slice(1)] }, except(['hook', 'redis', 'redis-sentinel', 'operator', 'probe', 'embedded', 'crd'], 'metadata imports api only')) } },
  { files: ['src/redis/**'], rules: { ...pure, ...restrictImports(shell, except(['hook', 'redis-sentinel', 'operator', 'probe', 'embedded', 'crd'], 'redis imports metadata and api')) } },
  { files: ['src/redis-sentinel/**'], rules: { ...pure, ...restrictImports(shell, except(['hook', 'operator', 'probe', 'embedded', 'crd'], 'redis-sentinel imports metadata, api and what it shares with redis')) } },
  { files: ['src/hook/**'], rules: { ...pure, ...restrictImports(shell, except(['operator', 'probe', 'embedded', 'crd'], 'hook knows the pure kinds only')) } },
  { files: ['src/operator/**'], rules: restrictImports(except(['probe', 'embedded'], 'the processes are separate')) },
  { files: ['src/probe/**'], rules: restrictImports(except(['hook', 'redis', 'redis-sentinel', 'operator', 'embedded', 'crd'], 'probe imports metadata and api')) },
  { files: ['src/probe/{decide*,memory,observation,process-state}.ts'], rules: { ...pure, ...restrictImports(shell, except(['hook', 'redis', 'redis-sentinel', 'operator', 'embedded', 'crd'], 'decide is pure')) } },
  { files: ['src/embedded/**'], rules: restrictImports(except(['api', 'metadata', 'redis', 'redis-sentinel', 'operator', 'probe', 'crd'], 'the driver knows nothing of Redis')) },
  { files: ['src/crd/**'], rules: restrictImports(runtime, except(['hook', 'redis', 'operator', 'probe', 'embedded'], 'crd imports api')) },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      'max-lines-per-function': 'off',
      complexity: 'off',
      // tap runs the tests of a file one after another by itself
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: [{ from: 'package', package: '@tapjs/test', name: ['test', 'before'] }] }],
    },
  },
  { files: ['eslint.config.js', 'test/**'], rules: { 'no-restricted-exports': 'off', '@stylistic/max-len': 'off' } },
]
