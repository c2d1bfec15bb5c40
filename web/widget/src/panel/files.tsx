/** The way to what has to do with files (../files): its code comes with the first of them. */
import { Cell } from '@client/cell.ts'
import { hasFiles } from '@client/files/given.ts'
import { type OutboxFile, type OutboxItem } from '@client/outbox.ts'
import { type VisitorClient } from '@client/visitor.ts'
import { insist } from '@client/world.ts'
// Nothing of it may be imported here but its type: else it would become part of the panel.
import type { Part } from '../files/part.tsx'
import { usePanel, useReadable } from './hooks.ts'
import { Icon } from './Icon.tsx'

const cell = new Cell<Part | undefined>(undefined)
let coming: Promise<Part> | undefined
let listens = false

export const usePart = () => useReadable(cell)

/** What is chosen or asked of it meanwhile waits for the code. */
const load = (client: VisitorClient): Promise<Part> =>
  (coming ??= insist(client.world, () => import('../files/part.tsx')).then(({ open }) => {
    const part = open(client)
    cell.set(part)
    return part
  }))

const take = (client: VisitorClient, how: string, { files }: { files: FileList | null }) => {
  const given = [...(files ?? [])] // before the event is over
  void load(client).then(part => part.heard(how, given))
}

/** What becomes of a message that failed: of its files the part knows more than the outbox. */
export function settle(client: VisitorClient, { id, files }: OutboxItem, how: 'resend' | 'discard'): void {
  if (files) void load(client).then(part => part[how](id))
  else client[how](id)
}

/** Files that are pasted or dropped anywhere on the page. */
function listen(client: VisitorClient): void {
  if (listens) return
  listens = true
  for (const how of ['paste', 'dragover', 'drop']) {
    addEventListener(how, event => {
      const data = (event as DragEvent).dataTransfer ?? (event as ClipboardEvent).clipboardData
      if (!data || !hasFiles(data)) return
      event.preventDefault()
      take(client, how, data)
    })
  }
}

/** The button that chooses files, where the server takes any. */
export function Attach() {
  const { client, t } = usePanel()
  if (!useReadable(client.state).limits?.file_bytes) return null
  listen(client)
  return (
    <label class="kw-x kw-clip" title={t('attach')}>
      <input type="file" multiple aria-label={t('attach')} onChange={({ currentTarget }) => {
        take(client, '', currentTarget)
        currentTarget.value = ''
      }} />
      <Icon name="clip" />
    </label>
  )
}

export function Files(props: { files: readonly OutboxFile[]; item?: OutboxItem }) {
  const { client } = usePanel()
  const part = usePart()
  void load(client)
  return part ? <part.Files part={part} {...props} /> : null
}
