/** A stretch of text, with the address where it is a link. */
export interface Piece {
  text: string
  href?: string
}

// Up to white space or what cannot stand in an address; Chinese text often follows without a space.
const address = /\b(?:https?:\/\/|mailto:)[^\s<>"'`，。；：！？、（）【】《》“”‘’\u3000]+/gi
const trailing = /[.,;:!?)\]}*_~]+$/

/** Finds the links of a text, to http, https and mailto only; nothing of the text is lost or changed. */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = []
  let from = 0
  const plain = (to: number) => to > from && pieces.push({ text: text.slice(from, to) })
  for (const match of text.matchAll(address)) {
    const shown = trimmed(match[0])
    const href = hrefOf(shown)
    if (!href) continue
    plain(match.index)
    pieces.push({ text: shown, href })
    from = match.index + shown.length
  }
  plain(text.length)
  return pieces
}

/** Without the punctuation of the sentence; a bracket stays where the address opened it. */
function trimmed(found: string): string {
  const tail = trailing.exec(found)?.[0] ?? ''
  const close = tail.startsWith(')') && found.slice(0, -tail.length).includes('(') ? 1 : 0
  return tail ? found.slice(0, found.length - tail.length + close) : found
}

function hrefOf(text: string): string | undefined {
  try {
    const { protocol, hostname, pathname, href } = new URL(text)
    if (protocol === 'mailto:') return /^[^@]+@[^@]+$/.test(pathname) ? href : undefined
    return /^https?:$/.test(protocol) && hostname ? href : undefined
  } catch {
    return undefined
  }
}
