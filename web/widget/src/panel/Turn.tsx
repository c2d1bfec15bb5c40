import { Fragment } from 'preact'
import { type OutboxItem } from '@client/outbox.ts'
import { clock, date, daysBetween } from '@words/time.ts'
import { Avatar } from './Avatar.tsx'
import { Files, settle } from './files.tsx'
import { usePanel } from './hooks.ts'
import { Icon } from './Icon.tsx'
import { Text } from './Text.tsx'
import { type Line, type Mark } from './turns.ts'

const icons = { sending: 'clock', waits: 'clock', sent: 'done', delivered: 'doneTwice', read: 'doneTwice' } as const

export function Turn({ turn }: { turn: Extract<Line, { kind: 'turn' }> }) {
  const { t } = usePanel()
  const name = turn.name || t('agent')
  return (
    <div class={turn.mine ? 'kw-turn kw-turn--mine' : 'kw-turn'}>
      {!turn.mine && <Avatar name={name} id={turn.who} size={28} />}
      <div>
        <span class={turn.mine ? 'vh' : 'kw-who'}><bdi>{turn.mine ? t('you') : name}</bdi></span>
        {turn.bubbles.map(({ key, text, files, edited, quote }) => (
          <Fragment key={key}>
            {quote}
            {files && <Files files={files} />}
            {text && <p class="kw-bubble" dir="auto">
              <Text text={text} />
              {edited && <small> {t('edited')}</small>}
            </p>}
          </Fragment>
        ))}
        <p class={turn.mark === 'read' ? 'kw-mark kw-mark--read' : 'kw-mark'}>
          {turn.mark && <MarkWords mark={turn.mark} />} {turn.mark !== 'waits' && clock(turn.at)}
        </p>
      </div>
    </div>
  )
}

function MarkWords({ mark }: { mark: Mark }) {
  const { t } = usePanel()
  return (
    <>
      <Icon name={icons[mark]} />
      <span>{t(mark)}</span>
    </>
  )
}

/** What could not be sent stays in its place. */
export function Failed({ item }: { item: OutboxItem }) {
  const { client, t } = usePanel()
  const why = item.code === 'old' ? t('old') : item.code === 'too_big' || item.code === 'text_too_long' ? t('tooLong') : t('notSent')
  return (
    <div class="kw-turn kw-turn--mine">
      <div>
        <span class="vh">{t('you')}</span>
        {item.files && <Files files={item.files} item={item} />}
        {item.text && <p class="kw-bubble kw-bubble--failed" dir="auto"><Text text={item.text} /></p>}
        <p class="kw-mark kw-mark--failed">
          <Icon name="alert" />
          <span>{why}</span>
          <button type="button" onClick={() => settle(client, item, 'resend')}>{t('resend')}</button>
          <button type="button" onClick={() => settle(client, item, 'discard')}>{t('discard')}</button>
        </p>
      </div>
    </div>
  )
}

export function Day({ at, now }: { at: number; now: number }) {
  const { t, lang } = usePanel()
  const days = daysBetween(at, now)
  return <p class="kw-day">{days === 0 ? t('today') : days === 1 ? t('yesterday') : date(lang, at, now)}</p>
}
