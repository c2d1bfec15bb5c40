import { shortest } from '../parts/strength.ts'

/** What is wrong with an e-mail address: nothing before or after the @, or no ending. */
export function mailProblem(mail: string): 'empty' | 'noAt' | 'incomplete' | null {
  const text = mail.trim()
  if (text === '') return 'empty'
  const at = text.lastIndexOf('@')
  if (at <= 0) return 'noAt'
  return /^[^\s@]+\.[^\s@.]+$/.test(text.slice(at + 1)) ? null : 'incomplete'
}

export function passwordTooShort(password: string): boolean {
  return [...password].length < shortest
}

/** An origin as browsers write it, https://host or with a port, or null. Without a scheme it is https, on one's own machine http. */
export function originOf(text: string): string | null {
  const typed = text.trim()
  const scheme = /^https?:\/\//i.test(typed) ? '' : /^(localhost|127\.)/.test(typed) ? 'http://' : 'https://'
  const guess = scheme + typed
  if (!URL.canParse(guess)) return null
  const url = new URL(guess)
  return url.hostname.includes('.') || url.hostname === 'localhost' ? url.origin : null
}

/** The one-use secret that stands after # in a link. */
export function secretIn(hash: string): string {
  return hash.replace(/^#/, '')
}
