/** What a browser knows of the files that were chosen in it. */
import { attempt } from '../world.ts'
import { isPicture } from './kinds.ts'

async function measured(url: string): Promise<{ width: number; height: number } | undefined> {
  const image = new Image()
  image.src = url
  await image.decode()
  return { width: image.naturalWidth, height: image.naturalHeight }
}

/** An address for a picture that was chosen, which lasts until it is freed, and its size. */
export function picture(file: File): { url: string; size: Promise<{ width: number; height: number } | undefined>; free: () => void } | undefined {
  const url = isPicture(file.type) && attempt(() => URL.createObjectURL(file))
  if (!url) return undefined
  return { url, size: measured(url).catch(() => undefined), free: () => URL.revokeObjectURL(url) }
}
