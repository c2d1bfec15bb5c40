/** The way to the pictures of a site and its agents (../pictures): their code comes where there are any. */
import { Cell } from '@client/cell.ts'
import { ask, type Face, type Faces } from '@client/faces.ts'
import { type VisitorClient } from '@client/visitor.ts'

/** Those that have been loaded: of all others there are initials. */
export const faces = new Cell<Faces>({})

/** Asked for once: nobody waits for pictures. */
export const follow = (client: VisitorClient) =>
  void ask(client.options.site)
    .then(face => ((face as Face).logo || (face as Face).portraits ? import('../pictures/pictures.ts').then(part => part.follow(client, face as Face, faces, ask)) : undefined))
    .catch(() => {})
