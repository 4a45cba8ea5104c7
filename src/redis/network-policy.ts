/** NetworkPolicies: what is not named does not get in. */
import type { NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer } from 'kubernetes-types/networking/v1.js'
import type { Exporter } from '../api/kubernetes.ts'
import type { NetworkPolicySettings } from '../api/network-policy.ts'
import { commonLabels, type Identity, selectorLabels } from '../metadata/labels.ts'

export interface PolicyParts {
  readonly name: string
  readonly namespace: string
  readonly identity: Identity
  readonly port: number
  readonly settings: NetworkPolicySettings | undefined
  /** Besides the clients. */
  readonly insiders: readonly NetworkPolicyPeer[]
  readonly exporter?: Exporter | undefined
}

/** None where the user wants none. */
export function networkPolicies ({ name, namespace, identity, port, settings, insiders, exporter }: PolicyParts): NetworkPolicy[] {
  if (!settings) return []
  const ingress = [
    ...rule(port, [...insiders, ...peers(settings.clients ?? [])]),
    ...(exporter?.enable ? [settings.metrics ? rule(exporter.port, peers(settings.metrics)) : [onPort(exporter.port)]].flat() : []),
  ]
  return [{
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace, labels: commonLabels(identity) },
    spec: { podSelector: { matchLabels: selectorLabels(identity) }, policyTypes: ['Ingress'], ...(ingress.length > 0 && { ingress }) },
  }]
}

/** To Kubernetes an empty list of peers is everybody: nobody is no rule at all. */
function rule (port: number, from: readonly NetworkPolicyPeer[]): NetworkPolicyIngressRule[] {
  return from.length > 0 ? [{ ...onPort(port), from: [...from] }] : []
}

function onPort (port: number): NetworkPolicyIngressRule {
  return { ports: [{ port, protocol: 'TCP' }] }
}

/** The user's objects are Kubernetes' own, and the API server checks them. */
function peers (some: readonly object[]): NetworkPolicyPeer[] {
  return some as NetworkPolicyPeer[]
}
