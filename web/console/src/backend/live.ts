import { inject, type InjectionKey } from 'vue'
import type { Me } from './rest.ts'
import type { Presence, View } from './types.ts'

/**
 * What an agent does over the live connection. Nothing is returned: what comes of it arrives in the stores, where
 * the connection writes (`useInbox`, `useVisitors`), and what is refused is said to the agent.
 */
export interface Live {
  /** Connects as this agent; until then the other calls do nothing. */
  enter(me: Me): void
  /** Disconnects. With `forget` nothing unsent stays on this machine; else it waits until this agent comes back. */
  leave(forget: boolean): void
  /** Watch the rows of a view; `more` asks for its next page. */
  watch(view: View): void
  more(view: View): void
  /** Look at a conversation: its newest page comes, then every event. */
  open(c: string): void
  close(c: string): void
  older(c: string): void
  /** With what stands in the conversation's composer (`useInbox().uploads`). */
  send(c: string, text: string): void
  note(c: string, text: string): void
  /** Puts files into a composer; how many were left out, because a message has ten at most. */
  attach(c: string, files: readonly File[]): Promise<number>
  /** What files stand in a composer go on in another one; how many go, and how many stay because a message has ten at most. */
  moveFiles(from: string, to: string): { moved: number; left: number }
  /** Takes a file out, of a composer or of a message on its way; tries one again that failed. */
  detach(key: string): void
  retryFile(key: string): void
  /** A picture that was sent from this page, as an address within it. */
  pictureOf(id: string): string | undefined
  /** Try again, or give up, what could not be sent. */
  resend(c: string, id: string): void
  discard(c: string, id: string): void
  take(c: string): void
  assign(c: string, agent: string): void
  release(c: string): void
  resolve(c: string): void
  /** How far this agent has read, as an event's number. */
  read(c: string, n: number): void
  /** A key was pressed in the composer, or with `on: false` its text was sent or deleted. */
  typing(c: string, on: boolean, note: boolean): void
  presence(presence: Presence): void
  watchVisitors(on: boolean): void
  /** Do not wait for the next try. */
  reconnect(): void
}

export const liveKey: InjectionKey<Live> = Symbol('live')

/** The live connection of this application. */
export function useLive(): Live {
  const live = inject(liveKey)
  if (!live) throw new Error('no live connection is provided: app.provide(liveKey, …)')
  return live
}
