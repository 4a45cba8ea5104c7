/** The project's programs as processes. */
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

export function run (file: string, args: string[] = [], { input, env }: { input?: string, env?: Record<string, string> } = {}) {
  return execa(process.execPath, ['--import', 'tsx', file, ...args], {
    cwd: fileURLToPath(new URL('../../', import.meta.url)),
    reject: false,
    stripFinalNewline: false,
    ...(input !== undefined && { input }),
    // tap's own loaders stay with the test
    env: { NODE_OPTIONS: '', ...env },
  })
}
