/** How a file is shown. */
import { type OutboxFile } from '../outbox.ts'

export type Kind = 'picture' | 'video' | 'file'

/** The server measures what may be shown as a picture; everything else but MP4 is a download. */
export const kindOf = ({ type, width, height }: Pick<OutboxFile, 'type' | 'width' | 'height'>): Kind =>
  width && height ? 'picture' : type === 'video/mp4' ? 'video' : 'file'

/** What a browser can show of a file that was chosen here. */
export const isPicture = (type: string): boolean => /^image\/(jpeg|png|gif|webp)$/.test(type)

/** How large a picture stands in a box, in px: never larger than it is, and never too narrow to be hit. */
export function fitted(file: Pick<OutboxFile, 'width' | 'height'>, most: number, tallest: number): { width: number; height: number } {
  const { width = most, height = tallest } = file
  const scale = Math.min(1, most / width, tallest / height)
  return { width: Math.max(48, Math.round(width * scale)), height: Math.max(48, Math.round(height * scale)) }
}

/** In how many columns so many pictures stand. */
export const columnsOf = (pictures: number): number => (pictures === 1 ? 1 : pictures === 2 || pictures === 4 ? 2 : 3)

// Control characters, and those that turn the direction of writing: a name must not seem to end otherwise than it does.
const unsafe = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

export const safeName = (name: string): string => name.replace(unsafe, '') || '_'

/** What a name ends with, in capitals: the short word on its card. */
export function endingOf(name: string): string {
  const ending = /\.([a-z\d]{1,5})$/i.exec(safeName(name))
  return ending?.[1]?.toUpperCase() ?? ''
}
