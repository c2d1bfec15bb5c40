/** What sends an agent's files. Loaded with the first of them. */
import { picture } from '@client/files/browser.ts'
import { browserSend } from '@client/files/door.ts'
import { Uploads } from '@client/files/uploads.ts'
import { browserWorld, type AgentClient } from '@client/index.ts'
import { useInbox } from '../features/inbox/store.ts'

type Sender = Pick<AgentClient, 'outbox'> & Partial<Pick<AgentClient, 'sending'>>

/** An upload belongs to the site of the conversation in whose composer it stands. The log-in's cookie opens the door. */
export function openUploads(client: Sender): Uploads {
  const { sending } = client
  if (!sending) throw new Error('this client has no outbox that files could wait in')
  const inbox = useInbox()
  return new Uploads({
    world: browserWorld, send: browserSend, headers: () => ({}), outbox: () => sending, items: client.outbox, picture,
    most: () => inbox.limits.file_bytes ?? Infinity,
    site: c => inbox.conversations.get(c)?.row.site ?? inbox.rows.get(c)?.site,
  })
}
