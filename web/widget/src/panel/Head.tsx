import { Avatar } from './Avatar.tsx'
import { faces } from './faces.ts'
import { usePanel, useReadable } from './hooks.ts'
import { Icon } from './Icon.tsx'

/** The name of the site, who answers, and whether anybody is here. */
export function Head({ home }: { home: boolean }) {
  const { client, t, close } = usePanel()
  const logo = useReadable(faces)['']
  const { site, conversation, agentsHere } = useReadable(client.state)
  const title = site?.look?.title || site?.name || t('name')
  const agent = conversation?.round.state === 'assigned' ? conversation.round.agent : undefined
  const { phase } = useReadable(client.connection)
  const live = phase === 'open'
  const nobody = agentsHere === 'offline' && site
  const here = phase === 'stopped' ? t('paused') : !live ? t('connecting') : agentsHere === 'offline' ? t('offline') : agentsHere === 'away' ? t('away') : t('online')
  return (
    <header class="kw-head">
      <div class="kw-bar">
        {agent && !home && <Avatar name={agent.name} id={agent.id} size={36} />}
        <div class="kw-bar__text">
          {home ? (
            <p class="kw-bar__name"><bdi>{title}</bdi></p>
          ) : (
            <>
              <h1 class="kw-bar__name" tabIndex={-1}><bdi>{agent ? `${agent.name} · ${title}` : title}</bdi></h1>
              <p class="kw-bar__sub">
                <Presence state={live ? agentsHere : 'offline'} />
                {here}
              </p>
            </>
          )}
        </div>
        {logo && <img src={logo} alt="" />}
        {close && (
          <button class="kw-x" type="button" aria-label={t('close')} onClick={close}>
            <Icon name="close" />
          </button>
        )}
      </div>
      {home && (
        <div class="kw-hello">
          <h1 tabIndex={-1} dir="auto">{nobody ? t('back') : site?.look?.greeting || t('hello')}</h1>
          <p>{nobody ? t('leave') : t('humans')}</p>
        </div>
      )}
    </header>
  )
}

/** A full dot, a moon, a ring. */
export function Presence({ state }: { state: string }) {
  return <span class={`kw-here kw-here--${state}`} aria-hidden="true" />
}
