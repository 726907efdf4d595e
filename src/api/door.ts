// SPDX-License-Identifier: Apache-2.0
// What answers before the API can: loading the kernel programs takes seconds, and who asks meanwhile is told so.
import type { IncomingMessage, ServerResponse } from 'node:http'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Seconds after which asking again makes sense. */
const RETRY_AFTER = 1

const json = (response: ServerResponse, status: number, type: string, body: unknown): void => {
  const headers = { 'content-type': type, 'cache-control': 'no-store', connection: 'close' }
  response.writeHead(status, status === 503 ? { ...headers, 'retry-after': `${RETRY_AFTER}` } : headers)
  response.end(JSON.stringify(body))
}

function loading(request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? '').split('?', 1)[0]
  if (path === '/healthz') json(response, 200, 'application/json', { status: 'ok' })
  else if (path === '/readyz') json(response, 503, 'application/json', { status: 'loading' })
  else
    json(response, 503, 'application/problem+json', {
      type: 'about:blank',
      title: 'Service Unavailable',
      status: 503,
      detail: 'the kernel programs are being loaded; ask again in a second, or wait for /readyz',
    })
}

/** Hands requests to the API once it is there. */
export class Door {
  #behind: Handler = loading

  readonly handle: Handler = (request, response) => this.#behind(request, response)

  open(handler: Handler): void {
    this.#behind = handler
  }
}
