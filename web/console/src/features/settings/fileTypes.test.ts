import { expect, it } from 'vitest'
import source from '../../../../../internal/site/site.go?raw'
import { choiceOf, fileSorts, isFileType, linesOf, sortNames, typesOf } from './fileTypes.ts'

const all = sortNames.flatMap(sort => [...fileSorts[sort]] as string[])

it('knows every type of a new site by its sort', () => {
  const list = /func DefaultFileTypes[\s\S]*?\n}/.exec(source)?.[0] ?? ''
  const types = [...list.matchAll(/"([^"]+)"/g)].map(found => found[1] ?? '')
  expect(types.length).toBeGreaterThan(10)
  expect([...types].sort()).toEqual([...all].sort())
  expect(choiceOf(types)).toEqual({ sorts: sortNames, other: [] })
})

it('names what is beside whole sorts, and leaves what nobody changed', () => {
  const stored = ['video/*', 'image/png', 'application/zip', 'model/stl']
  const choice = choiceOf(stored)
  expect(choice).toEqual({ sorts: ['video', 'archives'], other: ['image/png', 'model/stl'] })
  expect(typesOf(choice, stored)).toBe(stored)
  expect(typesOf({ ...choice, sorts: ['video'] }, stored)).toEqual(['video/*', 'image/png', 'model/stl'])
  expect(typesOf({ sorts: ['images'], other: ['image/png', 'image/png'] }, stored)).toEqual(fileSorts.images)
  expect(typesOf({ sorts: [], other: [] }, stored)).toEqual([])
})

it('reads types line by line', () => {
  expect(linesOf(' Image/SVG+xml \n\napplication/x-*\n')).toEqual(['image/svg+xml', 'application/x-*'])
  for (const good of [...all, 'image/*', 'image/svg+xml']) expect(isFileType(good)).toBe(true)
  for (const bad of ['pdf', '.pdf', '*/*', '*', 'image/', 'image/a b', 'image/**', 'a/b/c']) expect(isFileType(bad)).toBe(false)
})
