/** Which transport carries a line: WebSocket and, where that is blocked, streams of requests. */
import { type Socket, type World } from './world.ts'

/** Makes a line that has no transport yet one of streams, and says by `count` how many WebSockets in a row said nothing. */
export type Stream = (line: Socket, url: string, open: World['socket'], count: (blocked: number) => void) => void

/** How long a WebSocket may say nothing, in ms, if the one before it spoke. */
const mute = 4_000

/** Opens WebSockets until two in a row have said nothing, then a stream, whose code comes only then; if that speaks, it stays so. */
export function lines(world: World, load: () => Promise<{ stream: Stream }>): World['socket'] {
  const open = world.socket
  let blocked = 0
  return (url, protocol) => {
    const line = blocked > 1 ? ({} as Socket) : open(url, protocol)
    if (blocked++ > 1) load().then(({ stream }) => stream(line, url, open, to => (blocked = to)), () => {})
    else {
      world.timer(mute, () => blocked === 1 && line.close(void (blocked = 2)))
      ;(line as unknown as EventTarget).addEventListener('message', () => (blocked = 0))
    }
    if (blocked > 2) blocked = 0
    return line
  }
}
