import { expect, it } from 'vitest'
import type { Row } from '../../backend/types.ts'
import { foundIn } from './match.ts'

const row: Row = {
  c: 'c', v: 1, site: '1', visitor: {
    key: 'k', site: '1', presence: 'online', says: { name: 'Mia', email: 'said@home.example' }, verified: true, vouched: { id: '4711', name: 'Lin', email: 'lin@shop.example' },
  },
  round: { number: 1, state: 'waiting' }, last_at: 1, unread: 0,
}

it('finds a conversation by the name and by both e-mail addresses of its visitor', () => {
  for (const text of ['', 'lin', 'LIN@shop', 'said@home']) expect(foundIn(row, text)).toMatchObject({ name: 'Lin' })
  expect(foundIn(row, 'lin')?.parts).toEqual(['', 'Lin', ''])
  expect(foundIn(row, 'nobody@shop')).toBe(null)
})
