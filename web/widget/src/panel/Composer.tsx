import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { codePoints, isBlank } from '@client/text.ts'
import { typingOf } from '@client/typing-sender.ts'
import { type SendProblem } from '@client/visitor.ts'
import { EnterKey } from './enter.ts'
import { Attach, usePart } from './files.tsx'
import { usePanel, useReadable } from './hooks.ts'
import { Icon } from './Icon.tsx'

/** The counter shows when so few characters are left. */
const nearLimit = 500

/** The state of a text that is being written: what both composers share. `before` is called when it is about to be sent. */
export function useDraft({ before, sent }: { before?: () => void; sent?: () => void }) {
  const { client } = usePanel()
  const { limits } = useReadable(client.state)
  const [text, setText] = useState('')
  const [problem, setProblem] = useState<SendProblem>()
  const [files, setFiles] = useState(0)
  const part = usePart()
  const enter = useRef(new EnterKey())
  const left = (limits?.text_code_points ?? 20_000) - codePoints(text)

  const empty = isBlank(text) && !files

  const send = () => {
    if (!empty && left >= 0) before?.()
    const found = (part ?? client).send(text)
    setProblem(found === 'blank' ? undefined : found)
    if (found) return
    setText('')
    sent?.()
  }
  const field = {
    value: text,
    'aria-invalid': left < 0,
    onInput: (event: { currentTarget: HTMLTextAreaElement }) => {
      setText(event.currentTarget.value)
      setProblem(undefined)
      if (isBlank(event.currentTarget.value)) typingOf(client).end()
      else typingOf(client).key()
    },
    onKeyDown: (event: KeyboardEvent) => {
      if (!enter.current.sends(event)) return
      event.preventDefault()
      send()
    },
    onCompositionStart: () => enter.current.compositionStart(),
    onCompositionEnd: (event: CompositionEvent) => enter.current.compositionEnd(event.timeStamp),
  }
  const chips = part && <part.Chips part={part} count={setFiles} />
  return { field, send, left, problem, empty, chips }
}

/** How much room is left, or what stands in the way. */
export function Counter({ left, problem }: { left: number; problem: SendProblem | undefined }) {
  const { t } = usePanel()
  const words = left < 0 ? t('over', { n: -left }) : problem === 'full' ? t('full') : left <= nearLimit ? t('left', { n: left }) : ''
  return <p class={left < 0 || problem ? 'kw-count kw-count--over' : 'kw-count'} role="status">{words}</p>
}

export function Composer({ focus }: { focus: boolean }) {
  const { t, opened } = usePanel()
  const area = useRef<HTMLTextAreaElement>(null)
  const { field, send, left, problem, empty, chips } = useDraft({ sent: () => area.current?.focus() })
  useLayoutEffect(() => {
    const box = area.current
    if (!box) return
    box.style.height = 'auto'
    box.style.height = `${Math.min(box.scrollHeight, 136)}px`
  }, [field.value, opened])
  useEffect(() => {
    if (focus) area.current?.focus()
  }, [focus])
  return (
    <form class="kw-composer" onSubmit={event => (event.preventDefault(), send())}>
      {chips}
      <Counter left={left} problem={problem} />
      <div class="kw-field">
        <Attach />
        <textarea ref={area} rows={1} dir="auto" enterkeyhint="send" placeholder={t('write')} aria-label={t('message')} {...field} />
        <button class="kw-send" type="submit" aria-label={t('send')} aria-disabled={empty || left < 0}>
          <Icon name="send" />
        </button>
      </div>
    </form>
  )
}
