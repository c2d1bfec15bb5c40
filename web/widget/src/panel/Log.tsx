import { type ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Avatar } from './Avatar.tsx'
import { useNow, usePanel, useReadable } from './hooks.ts'
import { Icon } from './Icon.tsx'
import { usePlaced } from './casts.tsx'
import { Day, Failed, Turn } from './Turn.tsx'
import { linesOf, type Line } from './turns.ts'

/** So near to an end, in px, counts as there. */
const near = 80
const nobody = { received: 0, read: 0 }

/** The conversation, its newest at the bottom; older ones come as one scrolls up. */
export function Log() {
  const { client, t, opened } = usePanel()
  const { events, older, loading, known } = useReadable(client.log)
  const outbox = useReadable(client.outbox)
  const { conversation } = useReadable(client.state)
  const { phase } = useReadable(client.connection)
  const lines = usePlaced(cuts => linesOf(events, outbox, conversation?.theirs ?? nobody, phase === 'open', cuts))
  const { place, atEnd, toEnd, scrolled } = useScroll(lines, opened, () => older && !loading && void client.loadOlder())
  const [silent, quiet] = useState(false)
  const first = events[0]?.n
  // Older messages that come in above are not news to be read out.
  useLayoutEffect(() => {
    quiet(loading)
  }, [loading, first])
  useRead(opened && atEnd, events.at(-1)?.n, outbox.length)
  return (
    <div class="kw-well">
      <div class="kw-log" ref={place} tabIndex={0} role="group" aria-label={t('messages')} onScroll={scrolled}>
        <div>
          {!known && outbox.length === 0 && <Skeleton />}
          {older && !loading && events.length >= 5_000 && <p class="kw-day">{t('crowded')}</p>}
          <div role="log" aria-live={silent ? 'off' : 'polite'} aria-relevant="additions">
            {lines.map(line => <LogLine line={line} key={line.key} />)}
          </div>
          <Typing />
        </div>
      </div>
      {loading && <p class="kw-older">{t('older')}</p>}
      {!atEnd && (
        <button class="kw-newest" type="button" onClick={toEnd}>
          <Icon name="down" />
          {t('newest')}
        </button>
      )}
    </div>
  )
}

function LogLine({ line }: { line: Line }) {
  const { t } = usePanel()
  const now = useNow(60_000)
  const quiet = (words: ComponentChildren) => <p class="kw-event" dir="auto">{words}</p>
  switch (line.kind) {
    case 'day':
      return <Day at={line.at} now={now} />
    case 'turn':
      return <Turn turn={line} />
    case 'failed':
      return <Failed item={line.item} />
    case 'joined':
      return quiet(t('joined', { name: `\u2068${line.name}\u2069` }))
    case 'resolved':
      return quiet(t('resolved'))
    case 'recalled':
      return quiet(t('recalled'))
    case 'word':
      return line.what
    case 'other':
      return quiet(line.text)
  }
}

/** Shown, not announced. */
function Typing() {
  const { client, t } = usePanel()
  const [typist] = useReadable(client.typists)
  if (!typist) return null
  const name = typist.who.name || t('agent')
  return (
    <div class="kw-turn">
      <Avatar name={name} id={typist.who.id ?? ''} size={28} />
      <div>
        <span class="kw-typing" role="img" aria-label={t('typing', { name })}><i /><i /><i /></span>
      </div>
    </div>
  )
}

function Skeleton() {
  return (
    <div class="kw-bones" aria-hidden="true">
      <i /><i /><i />
    </div>
  )
}

/** Stays at the end while the reader is there, and in its place when older lines come in above. */
function useScroll(lines: readonly Line[], opened: boolean, wantOlder: () => void) {
  const place = useRef<HTMLDivElement>(null)
  const [atEnd, setAtEnd] = useState(true)
  const before = useRef({ first: '', height: 0 })
  const stay = useRef(atEnd)
  stay.current = atEnd
  const toEnd = () => {
    const box = place.current
    if (box) before.current.height = box.scrollTop = box.scrollHeight
  }
  const first = lines.find(line => line.kind !== 'day')?.key ?? ''
  useLayoutEffect(() => {
    const box = place.current
    if (!box) return
    const { first: was, height } = before.current
    if (atEnd) toEnd()
    else if (was && was !== first) box.scrollTop += box.scrollHeight - height
    before.current = { first, height: box.scrollHeight }
  })
  // Also when the box itself changes: a keyboard comes up, somebody types, the connection is lost.
  useEffect(() => {
    const box = place.current
    if (!box) return
    const sizes = new ResizeObserver(() => stay.current && toEnd())
    for (const element of [box, ...box.children]) sizes.observe(element)
    return () => sizes.disconnect()
  }, [opened])
  const scrolled = () => {
    const box = place.current
    if (!box?.clientHeight) return
    // What has grown in this frame, by files that came, was not scrolled by anybody.
    if (atEnd && box.scrollHeight !== before.current.height) return toEnd()
    setAtEnd(box.scrollHeight - box.scrollTop - box.clientHeight < near)
    if (box.scrollTop < near) wantOlder()
  }
  return { place, atEnd, toEnd, scrolled }
}

/** What is on the screen of somebody who looks has been read. */
function useRead(looking: boolean, newest: number | undefined, waiting: number): void {
  const { client } = usePanel()
  useEffect(() => {
    if (!looking) return
    const read = () => document.visibilityState === 'visible' && client.read()
    read()
    document.addEventListener('visibilitychange', read)
    return () => document.removeEventListener('visibilitychange', read)
  }, [looking, newest, waiting, client])
}
