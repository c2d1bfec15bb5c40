/** By itself: the demo shop needs it, and the widget's panel does not. */
import { type Lang } from './words.ts'

/** The best of our languages for a list of BCP 47 tags, best first; every Chinese is read as zh-CN. */
export function pickLang(tags: readonly string[]): Lang {
  for (const tag of tags) {
    const base = tag.toLowerCase().split('-')[0]
    if (base === 'zh') return 'zh-CN'
    if (base === 'en') return 'en'
  }
  return 'en'
}
