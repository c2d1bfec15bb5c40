/** The way to what the panel shows of broadcasts (../broadcasts): its code comes with the first of them. */
import { h } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Cell } from '@client/cell.ts'
import { clock } from '@words/time.ts'
// Nothing of it may be imported here but its type: else it would become part of the panel.
import type { View } from '../broadcasts/view.ts'
import { usePanel, useReadable } from './hooks.ts'
import { Text } from './Text.tsx'
import type { Line } from './turns.ts'

const cell = new Cell<View | undefined>(undefined)

const load = () => import('../broadcasts/view.ts')

/** The lines with broadcasts in their places, once their code is here. */
export function usePlaced(lines: readonly Line[]): readonly Line[] {
  return useView()?.place(lines) ?? lines
}

export function Cards({ home }: { home: boolean }) {
  const view = useView()
  return view ? <view.Cards home={home} /> : null
}

function useView() {
  const view = useReadable(cell)
  const state = useReadable(usePanel().client.broadcasts)
  if (state && !view) void load().then(part => cell.set(part.viewOf(h, useEffect, useRef, useState, usePanel, Text, clock)))
  return state && view?.(state)
}
