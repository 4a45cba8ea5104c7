/** Who the objects of a RedisSentinel belong to. */
import type { Parent } from '../metadata/children.ts'
import type { Component, Identity } from '../metadata/labels.ts'
import { parentPrefix } from '../metadata/names.ts'

export function identity (parent: Parent, component: Component): Identity {
  return { app: 'redis-sentinel', component, name: parentPrefix(parent.metadata.name) }
}
