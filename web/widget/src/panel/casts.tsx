/** The way to what the panel shows of broadcasts (../broadcasts): its code comes with the first of them. */
import { h } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { Cell } from '@client/cell.ts'
import { type VisitorClient } from '@client/visitor.ts'
import { insist } from '@client/world.ts'
import { clock } from '@words/time.ts'
// Nothing of it may be imported here but its type: else it would become part of the panel.
import type { View } from '../broadcasts/view.ts'
import { usePanel, useReadable } from './hooks.ts'
import { Text } from './Text.tsx'
import type { Line, Lines } from './turns.ts'

const cell = new Cell<View | undefined>(undefined)

let coming: Promise<void> | undefined
const load = (client: VisitorClient) =>
  (coming ??= insist(client.world, () => import('../broadcasts/view.ts')).then(part => cell.set(part.viewOf(h, useEffect, useRef, usePanel, Text, clock))))

/** The lines with broadcasts in their places, once their code is here. */
export function usePlaced(lines: Lines): readonly Line[] {
  return useView()?.place(lines) ?? lines([])
}

export function Cards({ home }: { home: boolean }) {
  const view = useView()
  return view ? <view.Cards home={home} /> : null
}

function useView() {
  const view = useReadable(cell)
  const { client } = usePanel()
  const state = useReadable(client.broadcasts)
  if (state) void load(client)
  return state && view?.(state)
}
