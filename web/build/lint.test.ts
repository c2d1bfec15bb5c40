import { ESLint } from 'eslint'
import { expect, it } from 'vitest'
import { webRoot } from './aliases.ts'

const eslint = new ESLint({ cwd: webRoot })

async function rulesAgainst(path: string, text: string): Promise<(string | null)[]> {
  const [result] = await eslint.lintText(text, { filePath: webRoot + path })
  return (result?.messages ?? []).map(message => message.ruleId)
}

const component = (script: string, template = '<p />') =>
  `<script setup lang="ts">\n${script}\n</script>\n\n<template>\n  ${template}\n</template>\n`

it('lets only the client talk to the network', async () => {
  const call = "await fetch('/api/v1/me')\nnew WebSocket('/api')\n"
  expect(await rulesAgainst('client/src/x.ts', call)).toEqual([])
  expect(await rulesAgainst('console/src/x.ts', call)).toEqual(['no-restricted-globals', 'no-restricted-globals'])
  expect(await rulesAgainst('widget/src/x.ts', "await window.fetch('/')\n")).toEqual(['no-restricted-syntax'])
  expect(await rulesAgainst('console/src/X.vue', component("void fetch('/')"))).toEqual(['no-restricted-globals'])
})

it('holds the direction of imports', async () => {
  expect(await rulesAgainst('client/src/x.ts', "import '@words/words.ts'\n")).toEqual(['no-restricted-imports'])
  expect(await rulesAgainst('words/x.ts', "import '../client/src/index.ts'\n")).toEqual(['no-restricted-imports'])
  expect(await rulesAgainst('widget/src/x.ts', "import '../../console/src/main.ts'\n")).toEqual(['no-restricted-imports'])
  expect(await rulesAgainst('console/src/x.ts', "import '../../widget/src/panel.tsx'\n")).toEqual(['no-restricted-imports'])
  expect(await rulesAgainst('console/src/x.ts', "import '@client/index.ts'\nimport '@words/words.ts'\n")).toEqual([])
})

it('wants every word translated', async () => {
  expect(await rulesAgainst('console/src/X.vue', component('', '<p>Hello</p>'))).toContain('vue/no-bare-strings-in-template')
  expect(await rulesAgainst('widget/src/x.tsx', 'export const x = <p>Hello</p>\n')).toEqual(['no-restricted-syntax'])
})

it('keeps what is private to a class short in the widget', async () => {
  const own = 'export class A {\n  private a = 1\n  constructor(private readonly b: number) {}\n  private c() {}\n}\n'
  for (const path of ['client/src/x.ts', 'widget/src/x.ts']) expect(await rulesAgainst(path, own)).toEqual(Array(3).fill('no-restricted-syntax'))
  expect(await rulesAgainst('client/src/x.ts', 'export class A {\n  #a = 1\n  a = () => this.#a\n}\n')).toEqual([])
})

it('keeps components small', async () => {
  const long = Array.from({ length: 160 }, (_, i) => `const x${i} = ${i}`).join('\n')
  expect(await rulesAgainst('console/src/X.vue', component(long))).toContain('vue/max-lines-per-block')
})
