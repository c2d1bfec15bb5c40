import { useEffect, useState } from 'preact/hooks'
import { preview } from '@client/files/door.ts'
import { columnsOf, endingOf, fitted, kindOf, safeName } from '@client/files/kinds.ts'
import { type OutboxFile, type OutboxItem } from '@client/outbox.ts'
import { useReadable } from '../panel/hooks.ts'
import { showPictures } from './Lightbox.tsx'
import { type Part } from './part.tsx'
import { useUpload } from './Chips.tsx'
import { Cross, useWords } from './words.tsx'

/** One picture is this large at most, in px. */
const most = 268
const tallest = 320

/** The files of a message. */
export function Files({ part, files, item }: { part: Part; files: readonly OutboxFile[]; item?: OutboxItem }) {
  const { failed } = useWords(part)
  const pictures = files.filter(file => kindOf(file) === 'picture')
  const rest = files.filter(file => kindOf(file) !== 'picture')
  const why = item?.state === 'failed' ? item.code : undefined
  return (
    <>
      {pictures.length > 0 && (
        <div class={`fl-grid fl-grid--${columnsOf(pictures.length)}`}>
          {pictures.map((file, i) => <Picture part={part} file={file} alone={pictures.length === 1} all={pictures} at={i} key={file.key ?? file.id} />)}
        </div>
      )}
      {rest.map(file => (kindOf(file) === 'video' && file.id ? <Video part={part} file={file} key={file.key ?? file.id} /> : <Card part={part} file={file} key={file.key ?? file.id} />))}
      {why && !['old', 'too_big', 'text_too_long'].includes(why) && <p class="fl-why">{failed(why)}</p>}
    </>
  )
}

/** The server's address of a file, once it is known. */
function useAddress(part: Part, id: string): string | undefined {
  useEffect(() => {
    if (id) part.addresses.want(id)
  }, [part, id])
  return useReadable(part.addresses.known)[id]
}

function Picture({ part, file, alone, all, at }: { part: Part; file: OutboxFile; alone: boolean; all: readonly OutboxFile[]; at: number }) {
  const { t } = useWords(part)
  const upload = useUpload(part, file.key)
  const own = part.uploads.pictureOf(file.id) ?? upload?.url
  const address = useAddress(part, own ? '' : file.id)
  const [shown, show] = useState<string>()
  const [broken, breaks] = useState(0)
  const name = safeName(file.name)
  const { width, height } = fitted(file, most, tallest)
  // What is on the screen stays: a new address is for those that could not be loaded.
  useEffect(() => {
    if (address) show(now => (now && !broken ? now : preview(address, alone ? 1280 : 320)))
  }, [address, broken, alone])
  const src = own ?? shown
  return (
    <span class="fl-picture" style={alone ? { width: `${width}px`, aspectRatio: `${width} / ${height}` } : {}}>
      <button class="fl-open" type="button" aria-label={t('open', { name })} disabled={!file.id} onClick={event => showPictures(part, t, all, at, event.currentTarget)}>
        {src && broken < 3 && <img src={src} alt="" width={width} height={height} loading="lazy" decoding="async" draggable={false} onError={() => (breaks(broken + 1), part.addresses.renew(file.id))} />}
        {broken > 2 && <span class="fl-gone">{t('gone')}</span>}
      </button>
      {!file.id && <Way part={part} file={file} />}
    </span>
  )
}

/** How far a file is that belongs to a message already; it can still be taken out. */
function Way({ part, file }: { part: Part; file: OutboxFile }) {
  const { t, stateOf, failed } = useWords(part)
  const upload = useUpload(part, file.key)
  return (
    <span class="fl-way">
      <span class="fl-state">{!upload ? '' : upload.state === 'failed' ? failed(upload.code ?? '') : stateOf(upload)}</span>
      {upload && upload.state !== 'failed' && <progress class="fl-bar" value={upload.sent} max={upload.size} aria-label={safeName(file.name)} />}
      {upload && <button class="fl-remove" type="button" aria-label={t('remove', { name: safeName(file.name) })} onClick={() => part.uploads.cancel(upload.key)}><Cross /></button>}
    </span>
  )
}

function Video({ part, file }: { part: Part; file: OutboxFile }) {
  const address = useAddress(part, file.id)
  const [shown, show] = useState<string>()
  useEffect(() => {
    if (address) show(now => now ?? address) // a film goes on from where it came
  }, [address])
  return (
    <figure class="fl-video">
      <video src={shown} controls preload="metadata" playsinline aria-label={safeName(file.name)} />
      <Card part={part} file={file} />
    </figure>
  )
}

function Card({ part, file }: { part: Part; file: OutboxFile }) {
  const { t, size } = useWords(part)
  const address = useAddress(part, file.id)
  const name = safeName(file.name)
  const inner = (
    <>
      {file.id && <span class="vh">{t('download')} </span>}
      <span class="fl-ending" aria-hidden="true">{endingOf(name) || '·'}</span>
      <span class="fl-text">
        <bdi class="fl-name">{name}</bdi> <span class="fl-state">{size(file.size)}</span>
      </span>
    </>
  )
  if (!file.id) return <span class="fl-card" title={name}>{inner}<Way part={part} file={file} /></span>
  return <a class="fl-card" {...(address && { href: address })} download={name} title={name}>{inner}</a>
}
