import { useEffect, useState } from 'preact/hooks'
import { type closeCodes } from '@client/wire.ts'
import { usePanel, useReadable } from './hooks.ts'
import { Icon } from './Icon.tsx'

/** A short loss of the connection is not worth a word. */
const grace = 2_000
const signedInElsewhere: typeof closeCodes.elsewhere = 4502

/** The state of the connection, in words. */
export function Net() {
  const { client, t } = usePanel()
  const { phase, attempts, error, closed } = useReadable(client.connection)
  const lost = phase === 'waiting' || phase === 'stopped' || (phase === 'connecting' && attempts > 1)
  const [said, say] = useState(false)
  useEffect(() => {
    if (!lost) return say(false)
    const timer = setTimeout(() => say(true), grace)
    return () => clearTimeout(timer)
  }, [lost])
  if (phase === 'stopped' && closed === signedInElsewhere) {
    return (
      <div role="status">
        <p class="kw-net kw-net--calm">
          <span>{t('elsewhere')}</span>
          <button type="button" onClick={() => client.retry()}>{t('useHere')}</button>
        </p>
      </div>
    )
  }
  const words = phase !== 'stopped' ? t('lost') : error?.code === 'unknown_site' ? t('unknownSite') : t('stopped')
  return (
    <div role="status">
      {said && lost && (
        <p class="kw-net">
          <Icon name="cut" />
          <span>{words}</span>
          {phase === 'waiting' && <button type="button" onClick={() => client.retry()}>{t('retry')}</button>}
        </p>
      )}
    </div>
  )
}
