/**
 * What the panel shows of broadcasts: a chunk of its own, loaded with the first of them. It is given what it shares with
 * the panel: if it imported that, the panel would be cut into smaller chunks, which compress worse.
 */
import type { h as element } from 'preact'
import type { useEffect as effect, useRef as ref } from 'preact/hooks'
import type { Broadcast, BroadcastsState } from '@client/index.ts'
import { broadcastWords } from '@words/broadcasts.ts'
import type { PanelContext } from '../panel/hooks.ts'
import type { Text as TextOf } from '../panel/Text.tsx'
import type { Line, Lines } from '../panel/turns.ts'
import css from './broadcasts.css?inline'
import { placed, quoted } from './places.ts'

export type View = ReturnType<typeof viewOf>

/** In this order, because names would be told twice. */
export function viewOf(h: typeof element, useEffect: typeof effect, useRef: typeof ref, usePanel: () => PanelContext, Text: typeof TextOf, clock: (at: number) => string) {
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(css)
  document.adoptedStyleSheets.push(sheet)

  const button = (text: string, onClick: () => void, more = {}) => h('button', { type: 'button', onClick, ...more }, text)
  const focus = (what: string) => document.querySelector<HTMLElement>(what)?.focus()
  /** A button was pressed that goes away by it: what has the focus next. */
  let next = ''
  const aClose = '[title]'

  function Word({ state, one, close }: { state: BroadcastsState; one: Broadcast; close?: () => void }) {
    const { client, opened, lang } = usePanel()
    const t = broadcastWords[lang]
    const { answers, off, acts } = state
    const place = useRef<HTMLElement>(null)
    // It has been read when it was on the screen of somebody who looks.
    useEffect(() => {
      if (!opened || !place.current) return
      let inView = false
      const look = () => inView && document.visibilityState === 'visible' && acts.read(client, one.n)
      const watch = new IntersectionObserver(seen => ((inView = !!seen.at(-1)?.isIntersecting), look()))
      watch.observe(place.current)
      document.addEventListener('visibilitychange', look)
      return () => (watch.disconnect(), document.removeEventListener('visibilitychange', look))
    }, [opened, one.n])
    const mine = answers === one.id
    const reply = () => {
      acts.answer(client, mine ? undefined : one.id)
      focus('textarea')
    }
    return h('article', { class: 'kw-word', ref: place },
      h('header', null, h('bdi', null, t.from), h('time', null, clock(one.at)), close && button('×', close, { 'aria-label': t.close, title: t.close })),
      h('p', { dir: 'auto' }, h(Text, { text: one.text })),
      h('footer', null, button(mine ? t.replying : t.reply, reply, { 'aria-pressed': mine }), !off && button(t.stop, () => ((next = '.kw-off button'), acts.want(client, false)))),
    )
  }

  /** Those that stand by themselves: all of them where there is no conversation yet. */
  function Cards({ home }: { home: boolean }) {
    const { client, lang } = usePanel()
    const t = broadcastWords[lang]
    const state = client.broadcasts.get()
    const place = useRef<HTMLElement>(null)
    const list = state?.list.filter(({ id, show }) => (home || show === 'card') && !state.closed.includes(id)) ?? []
    useEffect(() => {
      if (!next || place.current?.contains(document.activeElement)) return
      const found = place.current?.querySelector<HTMLElement>(next)
      next = ''
      if (document.activeElement !== document.body) return
      // As at the opening: a keyboard that would cover a small screen waits for a tap.
      if (found) found.focus()
      else focus(matchMedia('(pointer: coarse)').matches ? 'h1' : 'textarea')
    })
    if (!state || (!list.length && !state.off)) return null
    return h('section', { class: 'kw-cards', 'aria-label': t.cards, role: 'log', ref: place },
      list.map(one => h(Word, { state, one, key: one.id, close: () => ((next = aClose), state.acts.close(client, one.id)) })),
      state.off && h('p', { class: 'kw-off' }, t.off, ' ', button(t.again, () => ((next = aClose), state.acts.want(client, true)))),
    )
  }

  function Quote({ one }: { one: Broadcast }) {
    const t = broadcastWords[usePanel().lang]
    return h('blockquote', { class: 'kw-quote' }, h('span', null, t.answers), h('bdi', null, one.text))
  }

  return (state: BroadcastsState) => ({
    /** Puts those of the conversation in their places, and above each reply what it answers. */
    place: (linesOf: Lines): readonly Line[] => {
      const words = state.list.filter(({ show }) => show !== 'card')
      const lines = quoted(linesOf(words.map(({ at }) => at)), state.list, one => h(Quote, { one }))
      return placed(lines, words, one => ({ kind: 'word', key: `word ${one.id}`, what: h(Word, { state, one }) }))
    },
    Cards,
  })
}
