/** What is known of one redis process over time. Pure: a state and what just happened give the next state. */
import type { Process } from './observation.ts'

export interface ProcessState {
  readonly process: Process
  readonly masterSince: number | undefined
  readonly followed: string | undefined
  /** Since when it has not answered; undefined while it does, or is dead. */
  readonly silentSince: number | undefined
  /** Since when a replica has not been in its master's stream, by its own answers; undefined while it is, or is none. */
  readonly unlinkedSince: number | undefined
  /** When the present, unbroken series of refused connections began. */
  readonly refusedSince: number | undefined
}

export const UNKNOWN: Process = { kind: 'unknown' }
export const UNSEEN: ProcessState = {
  process: UNKNOWN,
  masterSince: undefined,
  followed: undefined,
  silentSince: undefined,
  unlinkedSince: undefined,
  refusedSince: undefined,
}

/** Refused once may be a listener that is being replaced; twice, this far apart, nobody listens. */
const PROOF_OF_DEATH_MS = 20

export function answered (state: ProcessState, role: Process, now: number): ProcessState {
  return {
    process: role,
    masterSince: role.kind === 'master' ? state.masterSince ?? now : undefined,
    followed: role.kind === 'slave' && role.link === 'connected' ? role.master : state.followed,
    silentSince: undefined,
    unlinkedSince: role.kind === 'slave' && role.link !== 'connected' ? state.unlinkedSince ?? now - Math.max(role.unlinkedSeconds ?? 0, 0) * 1000 : undefined,
    refusedSince: undefined,
  }
}

/** No answer, or the connection closed: what the process is now is unknown, what it was is not forgotten. */
export function lost (state: ProcessState, now: number): ProcessState {
  return { ...state, process: UNKNOWN, silentSince: state.silentSince ?? now, refusedSince: undefined }
}

/** What it was is not forgotten: it goes on as that when the script ends. */
export function blocked (state: ProcessState): ProcessState {
  return { ...state, process: { kind: 'busy' }, silentSince: undefined, refusedSince: undefined }
}

export function refused (state: ProcessState, now: number): ProcessState {
  const refusedSince = state.refusedSince ?? now
  if (now - refusedSince < PROOF_OF_DEATH_MS) return { ...lost(state, now), refusedSince }
  return { ...UNSEEN, process: { kind: 'dead', cause: 'ConnectionRefused' }, refusedSince }
}
