/**
 * Replicas of the master that are no pod of this cluster. Sentinels list whoever follows the master, and may promote it by themselves
 * (docs/volumes.md says what keeps them from it): a person should know. Pure.
 */
import { namedByMajority, type Observation } from './observation.ts'

/** A pod announces another address than its Service has for as long as its kubelet takes to bring the new one. */
const LASTING_MS = 120_000

/** Announced addresses. None while a pod or its address is not in sight: it may be that one. */
export function strangers (seen: Observation): string[] {
  const named = namedByMajority(seen)
  const own = seen.redis.map(({ address }) => address)
  const master = seen.redis.find(({ address, process }) => address !== undefined && address === named && process.kind === 'master')
  if (master?.process.kind !== 'master' || own.length < seen.redisReplicas || own.includes(undefined)) return []
  const following = master.process.replicas.map(({ address }) => address)
  return [...new Set(following)].filter((address) => address !== '' && !own.includes(address)).sort()
}

/** The strangers that somebody should be told of now: each once, when it has been there for two minutes. */
export function createStrangerWatch (): (seen: Observation) => string[] {
  const since = new Map<string, number>()
  const told = new Set<string>()

  return (seen) => {
    const present = strangers(seen)
    // a look without a master says nothing about them
    if (seen.redis.some(({ process }) => process.kind === 'master')) {
      for (const known of [...since.keys()]) if (!present.includes(known)) { since.delete(known); told.delete(known) }
    }
    for (const address of present) if (!since.has(address)) since.set(address, seen.startedAt)
    const news = present.filter((address) => !told.has(address) && seen.startedAt - (since.get(address) ?? Infinity) >= LASTING_MS)
    for (const address of news) told.add(address)
    return news
  }
}
