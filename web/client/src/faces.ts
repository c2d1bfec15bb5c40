/** The pictures of a site and its agents, over REST: nobody needs them to read or write. */

/** The part of GET /widget/{key} that is used. */
export interface Face {
  logo?: string
  portraits?: boolean
}

/** Addresses of portraits by the agent's id, and of the logo by ''. */
export type Faces = Readonly<Record<string, string>>

/** May be refused, or not be an answer at all. */
export const ask = (path: string): Promise<unknown> => fetch(`/api/v1/widget/${path}`).then(answer => answer.json())
