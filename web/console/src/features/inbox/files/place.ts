import { columnsOf, fitted, kindOf } from '@client/files/kinds.ts'
import type { OutboxFile } from '../../../backend/types.ts'

/** One picture is this large at most, in px. */
export const widest = 320
export const tallest = 320

/** About how high the files of a message stand, in px, before they are drawn. */
export function heightOf(files: readonly OutboxFile[] | undefined): number {
  const pictures = files?.filter(file => kindOf(file) === 'picture') ?? []
  const rest = (files ?? []).filter(file => kindOf(file) !== 'picture').map(file => (kindOf(file) === 'video' ? 250 : 62))
  const [only] = pictures
  const grid = pictures.length === 1 && only ? fitted(only, widest, tallest).height : Math.ceil(pictures.length / columnsOf(pictures.length)) * (columnsOf(pictures.length) === 2 ? 136 : 92)
  return rest.reduce((sum, one) => sum + one, grid)
}
