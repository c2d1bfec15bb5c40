import { createContext } from 'preact'
import { useContext, useEffect, useState } from 'preact/hooks'
import { type Readable } from '@client/cell.ts'
import { type VisitorClient } from '@client/visitor.ts'
import { type widgetWords } from '@words/widget.ts'
import { type Lang, type T } from '@words/words.ts'

/** What every part of the panel needs. */
export interface PanelContext {
  client: VisitorClient
  lang: Lang
  t: T<(typeof widgetWords)['zh-CN']>
  /** Whether the panel can be seen at all. */
  opened: boolean
  /** Absent on the page of its own. */
  close?: () => void
}

export const Panel = createContext<PanelContext | undefined>(undefined)

export function usePanel(): PanelContext {
  return useContext(Panel) as PanelContext // the whole panel is inside of it
}

export function useReadable<T>(source: Readable<T>): T {
  const [value, set] = useState(() => source.get())
  useEffect(() => {
    set(() => source.get())
    return source.subscribe(next => set(() => next))
  }, [source])
  return value
}

/** The present moment, looked at again every so often. */
export function useNow(interval: number): number {
  const [now, set] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), interval)
    return () => clearInterval(timer)
  }, [interval])
  return now
}
