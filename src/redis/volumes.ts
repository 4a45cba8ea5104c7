/** Where a pod's data lies: a folder of the node, or a volume claim of its own. */
import type { StatefulSetPersistentVolumeClaimRetentionPolicy } from 'kubernetes-types/apps/v1.js'
import type { Container, EnvVar, PersistentVolumeClaim, PodSpec, Volume, VolumeMount } from 'kubernetes-types/core/v1.js'
import type { Auth } from '../api/auth.ts'
import type { Exporter, Storage } from '../api/kubernetes.ts'
import type { PodSettings } from '../api/pod.ts'
import type { Tls } from '../api/tls.ts'
import { canonicalQuantity } from '../metadata/canonical.ts'
import { DATA } from '../metadata/names.ts'
import { TLS_DIR } from './tls.ts'
import { chownSecurityContext, containerSecurityContext, REDIS_USER } from './security.ts'

export const CONFIG_DIR = '/config'
export const DATA_DIR = '/data'
const CONFIG = 'config'
const AUTH = 'auth'
const EXPORTER = 'exporter'
const TLS = 'tls'
const AUTH_DIR = '/auth'
/** Where the exporter reads its own password: never the Secret's. */
export const EXPORTER_PASSWORD = '/exporter/password.json'

/** What of a spec a pod mounts. */
export interface Mounted {
  readonly storage: Storage
  readonly auth?: Auth | undefined
  readonly tls?: Tls | undefined
  readonly exporter?: Exporter | undefined
}

/** Who the pod is, for the scripts and for `subPathExpr`. */
export function podEnv (): EnvVar[] {
  const field = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } })
  return [field('POD_NAME', 'metadata.name'), field('POD_NAMESPACE', 'metadata.namespace')]
}

export function volumes ({ storage, auth, tls, exporter }: Mounted, configMap: string): Volume[] {
  return [
    { name: CONFIG, configMap: { name: configMap } },
    ...(storage.hostPath === undefined ? [] : [{ name: DATA, hostPath: { path: storage.hostPath, type: 'DirectoryOrCreate' } }]),
    // optional: the start waits for it and says so, and a Secret that goes keeps no pod from starting with the password that it knows
    ...(auth ? [{ name: AUTH, secret: { secretName: auth.secretName, optional: true, defaultMode: 0o440 } }] : []),
    // not optional: without a certificate nothing can start, and the kubelet keeps the files of a Secret that goes
    ...(tls ? [{ name: TLS, secret: { secretName: tls.secretName, defaultMode: 0o440 } }] : []),
    ...(hasOwnUser({ auth, exporter }) ? [{ name: EXPORTER, emptyDir: { medium: 'Memory' } }] : []),
  ]
}

/** Has a pod the password? */
export function hasPassword ({ volumes }: Pick<PodSpec, 'volumes'>): boolean {
  return (volumes ?? []).some(({ name }) => name === AUTH)
}

/** Does the exporter need a user of its own? */
export function hasOwnUser ({ auth, exporter }: Pick<Mounted, 'auth' | 'exporter'>): boolean {
  return auth !== undefined && exporter?.enable === true
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

/** The password, the certificate, and the exporter's password for redis. */
export function secretMounts (mounted: Pick<Mounted, 'auth' | 'tls' | 'exporter'>): VolumeMount[] {
  return [
    ...(mounted.auth ? [{ name: AUTH, mountPath: AUTH_DIR, readOnly: true }] : []),
    ...(mounted.tls ? [tlsMount()] : []),
    ...(hasOwnUser(mounted) ? [exporterMount()] : []),
  ]
}

export function tlsMount (): VolumeMount {
  return { name: TLS, mountPath: TLS_DIR, readOnly: true }
}

export function exporterMount (): VolumeMount {
  return { name: EXPORTER, mountPath: '/exporter' }
}

export function volumeClaims (storage: Storage, size: string): PersistentVolumeClaim[] {
  if (storage.hostPath !== undefined) return []
  return [{
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: DATA },
    spec: {
      accessModes: storage.accessModes ?? ['ReadWriteOnce'],
      resources: { requests: { storage: canonicalQuantity(size) } },
      volumeMode: 'Filesystem',
      ...(storage.storageClassName !== undefined && { storageClassName: storage.storageClassName }),
    },
  }]
}

export function initContainers (mounted: Mounted, image: string, pod: PodSettings | undefined): Container[] {
  return [
    ...(mounted.storage.hostPath === undefined ? [] : [ownData(mounted.storage, image, pod)]),
    ...(hasOwnUser(mounted) ? [exporterPassword(mounted, image)] : []),
  ]
}

/** Losing data is what a user has to ask for. */
export function retention ({ retention }: Storage): StatefulSetPersistentVolumeClaimRetentionPolicy {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } = retention ?? {}
  return { whenDeleted, whenScaled }
}

/** Hands the node's folder to Redis. Files that are Redis' already are left alone, so that a restart costs nothing. */
function ownData (storage: Storage, image: string, pod: PodSettings | undefined): Container {
  const { runAsUser: user = REDIS_USER, runAsGroup: group = REDIS_USER } = pod?.securityContext ?? {}
  return {
    name: 'own-data',
    image,
    command: ['sh', '-c', `find ${DATA_DIR} ! -user ${Number(user)} -exec chown ${Number(user)}:${Number(group)} {} +`],
    env: podEnv(),
    volumeMounts: [dataMount(storage)],
    securityContext: chownSecurityContext(),
    resources: { requests: { cpu: '10m', memory: '16Mi' } },
  }
}

/** As the exporter calls it. */
export function localUrl (tls: Tls | undefined): string {
  return `${tls ? 'rediss' : 'redis'}://127.0.0.1:6379`
}

/** A password that nobody else has and that no rotation touches: the exporter reads it only once. */
function exporterPassword ({ tls }: Mounted, image: string): Container {
  const random = 'head -c 32 /dev/urandom | sha256sum | cut -d" " -f1'
  return {
    name: 'exporter-password',
    image,
    command: ['sh', '-c', `umask 077; printf '{"${localUrl(tls)}":"%s"}' "$(${random})" > ${EXPORTER_PASSWORD}`],
    volumeMounts: [exporterMount()],
    securityContext: containerSecurityContext(),
    resources: { requests: { cpu: '10m', memory: '16Mi' } },
  }
}
