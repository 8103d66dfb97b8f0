/** What stands in front of a provider, and answers when it does not. */
export const EDGES = [
  'cloudflare',
  'cloudflare_text',
  'cloudflare_1015',
  'nginx',
  'alb',
  'envoy',
  'google_front_end',
  'github_proxy',
] as const

export type EdgeId = (typeof EDGES)[number]
