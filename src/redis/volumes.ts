/** Where a pod's data lies: a folder of the node, or a volume claim of its own. */
import type { Container, EnvVar, PersistentVolumeClaim, Volume, VolumeMount } from 'kubernetes-types/core/v1.js'
import type { Storage } from '../api/kubernetes.ts'
import { canonicalQuantity } from '../metadata/canonical.ts'
import { DATA } from '../metadata/names.ts'
import { chownSecurityContext, REDIS_USER } from './security.ts'

export const CONFIG_DIR = '/config'
export const DATA_DIR = '/data'
const CONFIG = 'config'

/** Who the pod is, for the scripts and for `subPathExpr`. */
export function podEnv (): EnvVar[] {
  const field = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } })
  return [field('POD_NAME', 'metadata.name'), field('POD_NAMESPACE', 'metadata.namespace')]
}

export function volumes (storage: Storage, configMap: string): Volume[] {
  const config: Volume = { name: CONFIG, configMap: { name: configMap } }
  if (storage.hostPath === undefined) return [config]
  return [config, { name: DATA, hostPath: { path: storage.hostPath, type: 'DirectoryOrCreate' } }]
}

/** On a node's folder each pod has its own subfolder <namespace>/<pod>: two pods of one node never share files. */
export function dataMount (storage: Storage): VolumeMount {
  return {
    name: DATA,
    mountPath: DATA_DIR,
    ...(storage.hostPath !== undefined && { subPathExpr: '$(POD_NAMESPACE)/$(POD_NAME)' }),
  }
}

export function configMount (): VolumeMount {
  return { name: CONFIG, mountPath: CONFIG_DIR, readOnly: true }
}

export function volumeClaims (storage: Storage, size: string): PersistentVolumeClaim[] {
  if (storage.hostPath !== undefined) return []
  return [{
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: DATA },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: canonicalQuantity(size) } },
      volumeMode: 'Filesystem',
      ...(storage.storageClassName !== undefined && { storageClassName: storage.storageClassName }),
    },
  }]
}

/** Hands the node's folder to Redis. Files that are Redis' already are left alone, so that a restart costs nothing. */
export function initContainers (storage: Storage, image: string): Container[] {
  if (storage.hostPath === undefined) return []
  return [{
    name: 'own-data',
    image,
    command: ['sh', '-c', `find ${DATA_DIR} ! -user ${REDIS_USER} -exec chown ${REDIS_USER}:${REDIS_USER} {} +`],
    env: podEnv(),
    volumeMounts: [dataMount(storage)],
    securityContext: chownSecurityContext(),
    resources: { requests: { cpu: '10m', memory: '16Mi' } },
  }]
}
