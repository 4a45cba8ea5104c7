/** The API group of the custom resources and the words that name them. */

export const GROUP = 'cache.iguochan.io'
export const VERSION = 'v1'
export const API_VERSION = `${GROUP}/${VERSION}`

export const REDIS = { kind: 'Redis', plural: 'redis', singular: 'redis', shortNames: [] } as const
export const REDIS_SENTINEL = {
  kind: 'RedisSentinel', plural: 'redissentinels', singular: 'redissentinel', shortNames: ['rss'],
} as const
