import { type Lang } from '@words/words.ts'

/** The site's choice, else the page's language, else the browser's; every Chinese is read as zh-CN. */
export function languageOf(look: string | undefined, page: string, browser: readonly string[]): Lang {
  for (const tag of [look === 'auto' ? '' : look ?? '', page, ...browser]) {
    if (/^zh\b/i.test(tag)) return 'zh-CN'
    if (/^en\b/i.test(tag)) return 'en'
  }
  return 'en'
}
