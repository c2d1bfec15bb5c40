/**
 * The words of the interface: one object per language with the same keys, held by type.
 *
 * A text may hold parameters, `{name}`, and forms of a count, `{n, one message, # messages}`: the first form is for
 * one, the second for all others, and `#` is the number. Languages without a plural write `{n}` alone.
 */
export type Lang = 'zh-CN' | 'en'

export const langs: readonly Lang[] = ['zh-CN', 'en']

type Hole<S extends string> = S extends `${infer Name},${string}` ? Name : S
type Holes<S extends string> = S extends `${string}{${infer Name}}${infer Rest}` ? Hole<Name> | Holes<Rest> : never

/** The parameters that a text needs, read from the text itself. */
export type Params<S extends string> = { readonly [Name in Holes<S>]: string | number }

type Texts = Readonly<Record<string, string>>

export interface Words<Zh extends Texts> {
  readonly 'zh-CN': Zh
  readonly en: { readonly [Key in keyof Zh]: string }
}

/** The translator of one set of words: `t('key')`, or `t('key', { n: 3 })` where the text has parameters. */
export type T<Zh extends Texts> = <Key extends keyof Zh & string>(
  key: Key,
  ...params: [Holes<Zh[Key]>] extends [never] ? [] : [Params<Zh[Key]>]
) => string

/** Checks by type that English has exactly the keys of Chinese. */
export function defineWords<const Zh extends Texts>(
  zh: Zh,
  en: { readonly [Key in keyof Zh]: string },
): Words<Zh> {
  return { 'zh-CN': zh, en }
}

/** The translator for a language; pass a function where the language may change while the page is open. */
export function translator<Zh extends Texts>(words: Words<Zh>, lang: Lang | (() => Lang)): T<Zh> {
  return (key, ...params) => {
    const now = typeof lang === 'function' ? lang() : lang
    return fill(words[now][key], now, params[0] ?? {})
  }
}

const hole = /( ?)\{(\w+)(?:, ?([^{},]*), ?([^{},]*))?\}( ?)/g
// Chinese letters and punctuation at an edge of a text, inside the marks that keep its direction apart.
const beginsHan = /^[\u2066-\u2069]*[\u2e80-\u303f\u3400-\u9fff\uff00-\uffef]/
const endsHan = /[\u2e80-\u303f\u3400-\u9fff\uff00-\uffef][\u2066-\u2069]*$/

/**
 * Fills a text's parameters; numbers are written as the language writes them. In Chinese a space beside a parameter is for
 * Latin words and figures, and goes where the parameter is Chinese itself: "Ada 转接给你".
 */
export function fill(text: string, lang: Lang, params: Readonly<Record<string, string | number>>): string {
  return text.replace(hole, (whole, before: string, name: string, one: string | undefined, many: string | undefined, after: string) => {
    const value = params[name]
    if (value === undefined) return whole
    const written = typeof value === 'number' ? value.toLocaleString(lang) : value
    const shown = one === undefined || many === undefined ? written : (Number(value) === 1 ? one : many).replace('#', written)
    if (lang !== 'zh-CN') return before + shown + after
    return (beginsHan.test(shown) ? '' : before) + shown + (endsHan.test(shown) ? '' : after)
  })
}
