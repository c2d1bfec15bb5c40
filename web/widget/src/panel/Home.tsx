import { useRef } from 'preact/hooks'
import { Counter, useDraft } from './Composer.tsx'
import { Attach } from './files.tsx'
import { Presence } from './Head.tsx'
import { usePanel, useReadable } from './hooks.ts'

/** The first page: who is here, and the first message. */
export function Home() {
  const { client, t } = usePanel()
  const { agentsHere, site } = useReadable(client.state)
  const who = useRef<HTMLInputElement>(null)
  const away = agentsHere === 'offline' && site !== undefined
  const kind = away ? 'email' : 'name'
  // The website, which has said it or logged the visitor in, knows better than to ask: a log-in is longer than a secret.
  const known = client.said?.[kind] || client.secret[43]
  const before = () => {
    const said = who.current?.value.trim()
    if (said) client.says({ [kind]: said })
  }
  const { field, send, left, problem, empty, chips } = useDraft({ before })
  return (
    <div class="kw-homewrap">
      <div class="kw-card">
        {!away && site && (
          <p class="kw-status">
            <Presence state={agentsHere} />
            {agentsHere === 'away' ? t('away') : t('online')}
          </p>
        )}
        <form class="kw-form" onSubmit={event => (event.preventDefault(), send())}>
          {!known && <label>
            <span>{away ? t('yourEmail') : t('yourName')} <small>{t('optional')}</small></span>
            <input class="kw-input" ref={who} type={(away ? 'email' : 'text') as 'email'} autocomplete={kind} maxLength={100} />
          </label>}
          <label>
            <span>{t('yourMessage')}</span>
            <textarea class="kw-input kw-first" dir="auto" enterkeyhint="send" placeholder={t('example')} {...field} />
          </label>
          {chips}
          <Counter left={left} problem={problem} />
          <div class="kw-acts">
            <Attach />
            <button class="kw-go" type="submit" aria-disabled={empty || left < 0}>{t('send')}</button>
          </div>
        </form>
      </div>
    </div>
  )
}
