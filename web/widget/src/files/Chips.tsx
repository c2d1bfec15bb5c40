import { useEffect } from 'preact/hooks'
import { type Upload } from '@client/files/uploads.ts'
import { endingOf, safeName } from '@client/files/kinds.ts'
import { useReadable } from '../panel/hooks.ts'
import { type Part } from './part.tsx'
import { Cross, useWords } from './words.tsx'

/** What was chosen, above the field; `count` is told how many they are. */
export function Chips({ part, count }: { part: Part; count: (files: number) => void }) {
  const { t, hintOf } = useWords(part)
  const chips = useReadable(part.uploads.state).filter(upload => !upload.taken)
  const hint = useReadable(part.hint)
  const dragged = useReadable(part.dragged)
  useEffect(() => {
    count(chips.length)
    if (!chips.some(({ state }) => state === 'failed') && hint?.key === 'settle') part.hint.set(undefined)
  }, [chips, hint, count, part])
  return (
    <>
      {dragged && <p class="fl-drop">{t('drop')}</p>}
      {chips.length > 0 && (
        <ul class="fl-chips" aria-label={t('attached')}>
          {chips.map(upload => <Chip upload={upload} part={part} key={upload.key} />)}
        </ul>
      )}
      <p class="fl-hint" role="status">{chips.length > 0 && hintOf(hint)}</p>
    </>
  )
}

function Chip({ upload, part }: { upload: Upload; part: Part }) {
  const { t, failed, stateOf, size } = useWords(part)
  const { key, url, sent } = upload
  const name = safeName(upload.name)
  const bad = upload.state === 'failed'
  return (
    <li class={bad ? 'fl-chip fl-chip--failed' : url ? 'fl-chip fl-chip--bare' : 'fl-chip'} title={name}>
      {url ? <img class="fl-thumb" src={url} alt="" /> : <span class="fl-ending" aria-hidden="true">{endingOf(name) || '·'}</span>}
      <span class="fl-text">
        <bdi class="fl-name">{name}</bdi>
        <span class="fl-state">{bad ? failed(upload.code ?? '') : stateOf(upload) || (url ? '' : size(upload.size))}</span>
        {bad && !['empty', 'file_too_large', 'file_type_refused', 'unreadable'].includes(upload.code ?? '') && (
          <button class="fl-again" type="button" onClick={() => part.uploads.retry(key)}>{t('again')}</button>
        )}
      </span>
      {upload.state !== 'done' && !bad && <progress class="fl-bar" value={sent} max={upload.size} aria-label={name} />}
      <button class="fl-remove" type="button" aria-label={t('remove', { name })} onClick={() => part.uploads.cancel(key)}><Cross /></button>
    </li>
  )
}

/** How far a file is. */
export function useUpload(part: Part, key: string | undefined): Upload | undefined {
  return useReadable(part.uploads.state).find(upload => upload.key === key)
}
