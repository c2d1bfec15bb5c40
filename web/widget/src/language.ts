import { type Lang } from '@words/words.ts'

/** The site's choice, else the page's language, else the browser's; every Chinese is read as zh-CN. */
export function languageOf(look: string | undefined, page: string | undefined, browser: readonly string[]): Lang {
  // Neither "auto" nor what is missing begins as a language of ours does.
  for (const tag of [look, page, ...browser] as readonly string[]) {
    if (/^zh\b/i.test(tag)) return 'zh-CN'
    if (/^en\b/i.test(tag)) return 'en'
  }
  return 'en'
}
