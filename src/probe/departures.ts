/**
 * The last master's pod stays in sight for a while when its object is gone (`kubectl delete pod --force`): its process may still run,
 * so it hands over, and when it dies that is seen at once.
 */
import type { ClusterView, PodFacts } from './inventory.ts'

/** The kubelet kills the process of a pod that was deleted by force within two seconds; a lost node never says so. */
const IN_SIGHT_MS = 30_000

export function createDepartures (): (view: ClusterView, lastMaster: string | undefined, now: number) => ClusterView {
  let last: PodFacts | undefined
  let seenAt = -Infinity

  return (view, lastMaster, now) => {
    const present = view.pods.find(({ uid }) => uid === lastMaster)
    if (present) {
      last = { ...present, presence: 'Gone', label: undefined }
      seenAt = now
    }
    if (present || !last || last.uid !== lastMaster || now - seenAt > IN_SIGHT_MS) return view
    return { ...view, pods: [...view.pods, last] }
  }
}
