import { render } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { boxKey } from '@client/files/box.ts'
import { preview } from '@client/files/door.ts'
import { safeName } from '@client/files/kinds.ts'
import { type OutboxFile } from '@client/outbox.ts'
import { useReadable } from '../panel/hooks.ts'
import { type Part } from './part.tsx'
import { Cross, type useWords } from './words.tsx'

type T = ReturnType<typeof useWords>['t']

/** Shows pictures above everything; the focus goes back to where it came from. */
export function showPictures(part: Part, t: T, files: readonly OutboxFile[], at: number, from: HTMLElement): void {
  const place = document.body.appendChild(document.createElement('div'))
  const close = () => {
    render(null, place)
    place.remove()
    from.focus()
  }
  render(<Lightbox part={part} t={t} files={files} at={at} close={close} />, place)
}

function Lightbox({ part, t, files, at: first, close }: { part: Part; t: T; files: readonly OutboxFile[]; at: number; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [at, go] = useState(first)
  const addresses = useReadable(part.addresses.known)
  const file = files[at]
  const addressOf = (one: OutboxFile | undefined) => addresses[one?.id ?? '']
  const step = (by: number) => go((at + by + files.length) % files.length)
  useEffect(() => {
    dialog.current?.showModal()
    for (const { id } of files) part.addresses.want(id)
  }, [files, part])
  if (!file) return null
  const address = addressOf(file)
  const name = safeName(file.name)
  return (
    <dialog class="fl-box" ref={dialog} aria-label={t('pictures')} onClose={close} onKeyDown={event => boxKey(event, event.currentTarget, step)} onClick={event => event.target === event.currentTarget && close()}>
      <p class="fl-box__bar">
        <bdi class="fl-name">{name}</bdi>
        {files.length > 1 && <span class="fl-box__at" role="status" aria-label={t('position', { n: at + 1, all: files.length })}>{`${at + 1} / ${files.length}`}</span>}
        <a class="fl-tool" {...(address && { href: address })} target="_blank" rel="noopener" aria-label={t('original')} title={t('original')}><Shape d="M15 3h6v6M10 14 21 3M18 13v6a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2h6" /></a>
        <button class="fl-tool" type="button" aria-label={t('close')} onClick={close}><Cross /></button>
      </p>
      <div class="fl-box__stage" onClick={event => event.target === event.currentTarget && close()}>
        {address && <img key={file.id} src={preview(address, 1280)} alt={name} style={{ aspectRatio: `${file.width} / ${file.height}` }} width={file.width} height={file.height} />}
      </div>
      {files.length > 1 && (
        <>
          <button class="fl-tool fl-box__step" type="button" aria-label={t('previous')} onClick={() => step(-1)}><Shape d="m15 18-6-6 6-6" /></button>
          <button class="fl-tool fl-box__step fl-box__step--next" type="button" aria-label={t('next')} onClick={() => step(1)}><Shape d="m9 18 6-6-6-6" /></button>
        </>
      )}
    </dialog>
  )
}

function Shape({ d }: { d: string }) {
  return <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d={d} /></svg>
}
