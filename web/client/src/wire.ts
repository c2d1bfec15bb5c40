/** The wire, as it is generated from the Go types, and two shapes that the client adds. */
import { type closeCodes, type ErrorCode, type ServerFrame } from './wire.gen.ts'

export * from './wire.gen.ts'

export type Frame<T extends ServerFrame['t']> = Extract<ServerFrame, { t: T }>

/** By itself, because the whole table would not be left out of the widget. */
export const tooBig: typeof closeCodes.tooBig = 1009

/** Why a command or request failed: an error frame's code, or one of our own. */
export type RefusalCode = ErrorCode | 'offline' | 'late' | (string & {})

/** What a refused command or request comes back with. */
export class Refused extends Error {
  constructor(
    readonly code: RefusalCode,
    message: string = code,
    readonly frame?: Frame<'error'>,
  ) {
    super(message)
  }
}
