import { expect, it } from 'vitest'
import { withoutEmptyFields, withoutPreload, withoutUnused } from './lean.ts'

it('drops custom properties that nothing uses, and those that only they used', () => {
  const style = ':root{--a:red;--b:var(--a);--c:rgb(from var(--d) r g calc(b * (1 + 2)));--d:blue}p{color:var(--b)}'
  expect(withoutUnused(style)).toBe(':root{--a:red;--b:var(--a);}p{color:var(--b)}')
})

it('keeps everything else as it is', () => {
  const style = '@supports (color:lab(from red l a b)){:root{--ink:lab(from var(--brand) min(l,42) 0 0)}}p{color:var(--ink);--brand:red}'
  expect(withoutUnused(style)).toBe(style)
})

it('drops the fields of a class that have no value, and nothing that stands elsewhere', () => {
  const code = 'var A = class extends B {\n\tworld;\n\tcell = new Cell({});\n\tlimits;\n\tconstructor(world) {\n\t\tsuper();\n\t\tworld;\n\t}\n\tlate;\n};\nworld;\n'
  expect(withoutEmptyFields(code)).toBe(code.replace('\tworld;\n\tcell', '\tcell').replace('\tlimits;\n', ''))
})

it('imports without the helper around it', () => {
  expect(withoutPreload("__vitePreload(() => import('./a.js'), []); __vitePreload(() => import('./b.js').then((x) => x.go(y, z)), [])")).toBe("import('./a.js'); import('./b.js').then((x) => x.go(y, z))")
})
