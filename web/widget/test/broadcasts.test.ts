import { describe, expect, it } from 'vitest'
import { type Broadcast } from '@client/index.ts'
import { placed, quoted } from '../src/broadcasts/places.ts'
import { type Line } from '../src/panel/turns.ts'

const turn = (at: number): Line => ({ kind: 'turn', key: `turn ${at}`, mine: true, name: '', who: '', at, bubbles: [] })
const quiet: Line = { kind: 'resolved', key: 'resolved' }
const word = (n: number, at: number): Broadcast => ({ id: `b${n}`, n, at, show: 'message', text: '' })
const keys = (lines: readonly Line[], list: readonly Broadcast[]) => placed(lines, list, ({ id }) => ({ kind: 'word', key: id, what: '' })).map(({ key }) => key)

describe('broadcasts in a conversation', () => {
  it('stand where their time is, the newest of them last', () => {
    expect(keys([turn(10), quiet, turn(20)], [word(1, 5), word(2, 15), word(3, 25), word(4, 30)])).toEqual(['b1', 'turn 10', 'resolved', 'b2', 'turn 20', 'b3', 'b4'])
  })

  it('change nothing where there are none', () => {
    expect(keys([turn(10), quiet], [])).toEqual(['turn 10', 'resolved'])
  })

  it('are quoted above what answers them, as long as they are shown', () => {
    const bubble = (key: string, broadcast?: string) => ({ key, text: key, files: undefined, edited: false, broadcast })
    const mine: Line = { kind: 'turn', key: 'turn', mine: true, name: '', who: '', at: 10, bubbles: [bubble('a'), bubble('b', 'b1'), bubble('c', 'gone')] }
    const [line] = quoted([mine, quiet], [word(1, 5)], ({ id }) => `of ${id}`)
    expect(line?.kind === 'turn' && line.bubbles.map(({ quote }) => quote)).toEqual([undefined, 'of b1', undefined])
  })
})
