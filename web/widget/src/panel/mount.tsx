import { render } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { type Readable } from '@client/cell.ts'
import { type VisitorClient } from '@client/visitor.ts'
import { widgetWords } from '@words/widget.ts'
import { translator, type Lang } from '@words/words.ts'
import { isColour, plainBrand } from '../brand.ts'
import { Cards } from './casts.tsx'
import { Composer } from './Composer.tsx'
import { follow } from './faces.ts'
import { Head } from './Head.tsx'
import { Home } from './Home.tsx'
import { Panel, useReadable, type PanelContext } from './hooks.ts'
import { Log } from './Log.tsx'
import { Net } from './Net.tsx'
import css from './panel.css?inline'

export interface Mounting {
  client: VisitorClient
  lang: Readable<Lang>
  opened: Readable<boolean>
  close?: () => void
}

let mounted = false

/** Draws the panel into an element, once. */
export function mount(into: HTMLElement, mounting: Mounting): void {
  if (mounted) return
  mounted = true
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(css)
  document.adoptedStyleSheets.push(sheet)
  follow(mounting.client)
  render(<App {...mounting} />, into)
}

function App({ client, lang: langs, opened: opens, close }: Mounting) {
  const lang = useReadable(langs)
  const opened = useReadable(opens)
  const state = useReadable(client.state)
  const items = useReadable(client.outbox)
  // Somebody who has logged in may not have written yet.
  const home = (!client.exists || !!state.site) && !state.conversation && !items.length
  const t = useMemo(() => translator(widgetWords, lang), [lang])
  const context: PanelContext = { client, lang, t, opened, ...(close && { close }) }
  const root = useRef<HTMLDivElement>(null)
  const wasHome = useRef(home)
  useLook(state.site?.look)
  useEffect(() => {
    if (opened) enter(root.current)
  }, [opened])
  return (
    <Panel.Provider value={context}>
      <div class="kw-panel" ref={root} onKeyDown={event => event.key === 'Escape' && !event.isComposing && close?.()}>
        <Head home={home} />
        <Net />
        <Cards home={home} />
        <main>
          {home ? (
            <Home />
          ) : (
            <>
              <Log />
              <Composer focus={wasHome.current} />
            </>
          )}
        </main>
      </div>
    </Panel.Provider>
  )
}

/** A keyboard that would cover a small screen waits for a tap: there the heading gets the focus. */
function enter(root: HTMLElement | null): void {
  const coarse = matchMedia('(pointer: coarse)').matches
  root?.querySelector<HTMLElement>(coarse ? 'h1' : 'textarea')?.focus()
}

/** The site's colour and theme. */
function useLook(look: { brand: string; theme: string } | undefined): void {
  const [brand, theme] = [look?.brand, look?.theme]
  useEffect(() => {
    const { style, dataset } = document.documentElement
    style.setProperty('--brand', isColour(brand) ? brand : plainBrand)
    if (theme === 'light' || theme === 'dark') dataset['theme'] = theme
    else delete dataset['theme']
  }, [brand, theme])
}
