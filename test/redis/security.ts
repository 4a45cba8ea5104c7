/** The restricted Pod Security Standard, container by container; used for both kinds. */
import type { PodSpec } from 'kubernetes-types/core/v1.js'
import type { Test } from 'tap'

export function checkSecurity (t: Test, spec: PodSpec): void {
  t.match(spec.securityContext, { runAsNonRoot: true, runAsUser: 999, fsGroup: 999, seccompProfile: { type: 'RuntimeDefault' } })
  t.notOk(spec.hostNetwork ?? spec.hostPID ?? spec.hostIPC)
  for (const { name, securityContext } of [...(spec.initContainers ?? []), ...spec.containers]) {
    t.match(securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } }, name)
    t.notOk(securityContext?.privileged, name)
    // the kubelet makes hostPath folders as root and applies no fsGroup to them: this one hands them over
    const owner = name === 'own-data'
    t.strictSame([securityContext?.runAsUser, securityContext?.runAsNonRoot], owner ? [0, false] : [undefined, undefined], name)
    t.strictSame(securityContext?.capabilities?.add, owner ? ['CHOWN', 'DAC_OVERRIDE'] : undefined, name)
  }
}
