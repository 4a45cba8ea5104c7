/** Who the processes in the pods are and what they may do. */
import type { PodSecurityContext, SecurityContext } from 'kubernetes-types/core/v1.js'

/** The user `redis` of the official images, Debian and Alpine, Redis and Valkey. */
export const REDIS_USER = 999

/** The volume's files belong to the group, so that the process may write without being root. */
export function podSecurityContext (): PodSecurityContext {
  return {
    runAsNonRoot: true,
    runAsUser: REDIS_USER,
    runAsGroup: REDIS_USER,
    fsGroup: REDIS_USER,
    // walking a large volume at each start would keep Redis down for minutes
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  }
}

export function containerSecurityContext (): SecurityContext {
  return {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  }
}

/** Root, but only for chown: the kubelet makes hostPath folders as root and applies no fsGroup to them. */
export function chownSecurityContext (): SecurityContext {
  return {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: false,
    runAsUser: 0,
    capabilities: { drop: ['ALL'], add: ['CHOWN', 'DAC_OVERRIDE'] },
  }
}
