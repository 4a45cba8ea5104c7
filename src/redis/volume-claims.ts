/**
 * What the volume claims say. The templates in a StatefulSet can never change, the claims made from them can grow: the probe lets them
 * (src/probe/volume-growth.ts), where their class allows it.
 */
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { PersistentVolumeClaim } from 'kubernetes-types/core/v1.js'
import { isLess } from '../metadata/canonical.ts'
import { byName, nameOf, type Observed, type Verdict } from '../metadata/children.ts'
import { claimName } from '../metadata/names.ts'

/** Undefined when every claim is as desired. `desired`: with the claims that the spec asks for, as yet not kept (pod.ts, keepImmutable). */
export function claimsVerdict (desired: readonly StatefulSet[], observed: Observed): Verdict | undefined {
  const unapplied = (reason: string, message: string): Verdict => ({ type: 'Applied', status: 'False', reason, message })
  const small = desired.flatMap((one) => claimsOf(one, observed).flatMap((claim) => shortage(claim, sizeOf(one))))
  if (small.length > 0) {
    return unapplied('VolumesGrowing', `${small.join(', ')}. If it stays so the storage class does not allow it: see the events of this object.`)
  }
  const kept = desired.filter((one) => isKept(one, observed)).map(nameOf)
  if (kept.length === 0) return undefined
  return unapplied('ImmutableField', `${kept.join(', ')}: the size or class of the volume claims stays as it was created, Kubernetes does not let it change.`)
}

/** The claims of the pods that are desired; those of removed ordinals are left alone. */
function claimsOf ({ metadata, spec }: StatefulSet, { volumeClaims }: Observed): PersistentVolumeClaim[] {
  const names = Array.from({ length: spec?.replicas ?? 0 }, (_, ordinal) => claimName(metadata?.name ?? '', ordinal))
  return names.flatMap((name) => byName(volumeClaims, name) ?? [])
}

function sizeOf ({ spec }: StatefulSet): string {
  return spec?.volumeClaimTemplates?.[0]?.spec?.resources?.requests?.['storage'] ?? '0'
}

function shortage ({ metadata, spec, status }: PersistentVolumeClaim, size: string): string[] {
  const requested = spec?.resources?.requests?.['storage'] ?? size
  if (isLess(requested, size)) return [`${metadata?.name} asks for ${requested} of ${size}`]
  const capacity = status?.capacity?.['storage'] ?? size
  return isLess(capacity, size) ? [`${metadata?.name} has ${capacity} of ${size}`] : []
}

/** The template differs, and not only because its claims have grown. */
function isKept (desired: StatefulSet, observed: Observed): boolean {
  const there = byName(observed.statefulSets, desired.metadata?.name ?? '')
  if (!there) return false
  const storageClass = ({ spec }: StatefulSet) => spec?.volumeClaimTemplates?.[0]?.spec?.storageClassName
  if (storageClass(desired) !== storageClass(there)) return true
  return sizeOf(desired) !== sizeOf(there) && claimsOf(desired, observed).length === 0
}
