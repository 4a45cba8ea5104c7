/** The failures that are handled by what they are and not by their text; every other error is just an error. */

type ApiFailure = Error & { apiStatus: number, reason?: string }
type RetryAfter = Error & { retryAfterSeconds: number }
type NotSynced = Error & { relatedNotSynced: true }

export function apiFailure (apiStatus: number, message: string, reason?: string): ApiFailure {
  return Object.assign(new Error(message), { apiStatus, ...(reason === undefined ? {} : { reason }) })
}

/** The HTTP code with which the API server refused; undefined when the error came from elsewhere. */
export function apiStatus (error: unknown): number | undefined {
  return error instanceof Error && 'apiStatus' in error ? (error as ApiFailure).apiStatus : undefined
}

/** A hook's 429. */
export function retryAfter (seconds: number): RetryAfter {
  return Object.assign(new Error('hook answered 429'), { retryAfterSeconds: seconds })
}

export function retryAfterSeconds (error: unknown): number | undefined {
  return error instanceof Error && 'retryAfterSeconds' in error ? (error as RetryAfter).retryAfterSeconds : undefined
}

export function relatedNotSynced (resource: string): NotSynced {
  return Object.assign(new Error(`related informer not synced yet: ${resource}`), { relatedNotSynced: true as const })
}

export function isRelatedNotSynced (error: unknown): boolean {
  return error instanceof Error && 'relatedNotSynced' in error
}

export function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** One error for many, worded as Kubernetes' aggregate: `[a, b]`. */
export function aggregate (errors: unknown[]): Error {
  const messages = [...new Set(errors.map(messageOf))]
  return new Error(messages.length === 1 ? messages[0] : `[${messages.join(', ')}]`, { cause: errors[0] })
}
