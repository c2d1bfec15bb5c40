import { piecesOf } from '@words/links.ts'

/** A person's text: its own direction, its links, and nothing that could be markup. */
export function Text({ text }: { text: string }) {
  return (
    <>
      {piecesOf(text).map(({ text: shown, href }, i) =>
        href ? <a key={i} href={href} target="_blank" rel="noopener noreferrer nofollow">{shown}</a> : shown,
      )}
    </>
  )
}
