/** Somebody else's website, with the widget's one line of HTML on it. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Website {
  /** The origin under one of its names: any name ending in .localhost or .test leads here. */
  at(name: string): string
  stop(): Promise<void>
}

export interface Snippet {
  /** The origin of Kefu. */
  home: string
  key: string
  /** The page's Content-Security-Policy. */
  policy?: string
  lang?: string
}

/** Serves the same page under every path. */
export async function startWebsite(snippet: Snippet): Promise<Website> {
  const server = createServer((request, answer) => {
    const head: Record<string, string> = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }
    if (snippet.policy) head['content-security-policy'] = snippet.policy
    answer.writeHead(200, head)
    answer.end(pageOf(snippet, request.url ?? '/'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    at: name => `http://${name}:${port}`,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const pageOf = ({ home, key, lang = 'en' }: Snippet, path: string) => `<!doctype html>
<html lang="${lang}">
  <head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Shop ${path}</title>
    <script src="${home}/widget.js" data-site="${key}" async></script></head>
  <body><main><h1>A shop</h1><p><label>Search <input></label> <a href="/other">Another page</a></p></main></body>
</html>`
