/**
 * What stands between a caller and a provider, and answers when the provider does not: bodies that are nobody's JSON.
 * Sources: babyagi#64, n8n#18275 and search2ai#12 (Cloudflare), github/app#3386; nginx's, Envoy's and ELB's own pages.
 */
import type { EdgeId } from '../edge.ts'
import { hexId } from './_native.ts'

const REASONS: Readonly<Record<number, string>> = {
  403: 'Forbidden',
  408: 'Request Timeout',
  413: 'Request Entity Too Large',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Temporarily Unavailable',
  504: 'Gateway Time-out',
  520: 'Web server is returning an unknown error',
  521: 'Web server is down',
  522: 'Connection timed out',
  523: 'Origin is unreachable',
  524: 'A timeout occurred',
}

const HTML = 'text/html; charset=UTF-8'
const TEXT = 'text/plain; charset=UTF-8'

/** Headers by which it is recognised. `key` makes its ids. */
export function edgeHeaders(edge: EdgeId, key: string): Record<string, string> {
  switch (edge) {
    case 'cloudflare':
    case 'cloudflare_1015':
      return { 'content-type': HTML, ...ray(key) }
    case 'cloudflare_text':
      return { 'content-type': TEXT, ...ray(key) }
    case 'nginx':
      return { 'content-type': 'text/html', server: 'nginx' }
    case 'alb':
      return { 'content-type': 'text/html', server: 'awselb/2.0' }
    case 'envoy':
      return { 'content-type': 'text/plain', server: 'envoy' }
    case 'google_front_end':
      return { 'content-type': HTML, server: 'gws' }
    case 'github_proxy':
      return { 'content-type': TEXT }
  }
}

function ray(key: string): Record<string, string> {
  return { server: 'cloudflare', 'cf-ray': `${hexId(key, 16)}-FRA` }
}

export function edgeBody(edge: EdgeId, status: number, host: string, key: string): string {
  const reason = REASONS[status] ?? 'Error'
  switch (edge) {
    case 'cloudflare':
      return cloudflarePage(status, host, key)
    case 'cloudflare_text':
      return `error code: ${status}\n`
    case 'cloudflare_1015':
      return `<!DOCTYPE html>
<html lang="en-US"><head><title>Error 1015</title></head>
<body><h1>Error 1015</h1><h2>You are being rate limited</h2><p>Ray ID: ${hexId(key, 16)}</p></body></html>
`
    case 'nginx':
      return plainPage(status, reason, '<hr><center>nginx</center>\r\n')
    case 'alb':
      return plainPage(status, reason, '')
    case 'envoy':
      return (
        ENVOY[status] ??
        'upstream connect error or disconnect/reset before headers. reset reason: connection termination'
      )
    case 'google_front_end':
      return `<!DOCTYPE html>
<html lang=en>
  <title>Error ${status} (${reason})!!1</title>
  <p><b>${status}.</b> <ins>That’s an error.</ins>
  <p>The server encountered a temporary error and could not complete your request.<p>Please try again in 30 seconds. <ins>That’s all we know.</ins>
`
    case 'github_proxy':
      return 'Timed out reading request body. Try again, or use a smaller request size.'
  }
}

const ENVOY: Readonly<Record<number, string>> = { 504: 'upstream request timeout', 502: 'no healthy upstream' }

function plainPage(status: number, reason: string, foot: string): string {
  return `<html>\r\n<head><title>${status} ${reason}</title></head>\r\n<body>\r\n<center><h1>${status} ${reason}</h1></center>\r\n${foot}</body>\r\n</html>\r\n`
}

function cloudflarePage(status: number, host: string, key: string): string {
  const reason = status === 502 ? 'Bad gateway' : status === 504 ? 'Gateway time-out' : (REASONS[status] ?? 'Error')
  return `<!DOCTYPE html>
<html class="no-js" lang="en-US">
<head><title>${host} | ${status}: ${reason}</title><meta charset="UTF-8"></head>
<body><div id="cf-wrapper"><div id="cf-error-details" class="p-0">
<h1>${reason} <span>Error code ${status}</span></h1>
<p>The web server reported an error. Please try again in a few minutes.</p>
<p>Cloudflare Ray ID: <strong>${hexId(key, 16)}</strong></p>
</div></div></body>
</html>
`
}
