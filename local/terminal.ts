/** What a person sees: progress with seconds, colours only on a terminal and never with NO_COLOR. */

const colourful = process.stdout.isTTY && process.env['NO_COLOR'] === undefined
const paint = (code: number) => (text: string) => colourful ? `\u001b[${code}m${text}\u001b[0m` : text

export const bold = paint(1)
export const dim = paint(2)
export const red = paint(31)
export const green = paint(32)

const started = Date.now()

/** A line with the seconds since the start of the program. */
export function say (text: string): void {
  console.log(`${dim(`[${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s]`)} ${text}`)
}

export function heading (text: string): void {
  console.log(`\n${bold(text)}`)
}

export function indented (text: string): string {
  return text.trimEnd().split('\n').map((line) => `    ${line}`).join('\n')
}
