/** A Secret that applications mount, as servicebinding.io describes it. */
import { z } from 'zod'

export const Binding = z.object({
  enable: z.boolean().default(false).describe('Keep a Secret <name>-binding with host, port, username, password and uri for applications.'),
}).describe('What applications need to connect, in one Secret.')
export type Binding = z.infer<typeof Binding>

export const BindingStatus = z.object({
  name: z.string().max(253).describe('Name of the Secret.'),
}).optional().describe('The Secret for applications: a "provisioned service" of servicebinding.io.')
