/** Who may connect: a NetworkPolicy for each part, where the cluster's network enforces them. */
import { z } from 'zod'
import { passedOn } from './kubernetes.ts'

const Peer = passedOn('One peer as in a NetworkPolicy: podSelector, namespaceSelector or ipBlock.')

export const NetworkPolicySettings = z.object({
  clients: z.array(Peer).max(32).optional().describe('Who may connect to Redis and to the sentinels, besides the pods themselves and the probe. Nobody if left out.'),
  metrics: z.array(Peer).max(32).optional().describe('Who may read the exporter\'s metrics. Everybody if left out.'),
}).describe('Only those named here get in.')
export type NetworkPolicySettings = z.infer<typeof NetworkPolicySettings>
