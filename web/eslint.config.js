import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'
import vue from 'eslint-plugin-vue'

/** The network belongs to web/client: everything else asks it. */
const network = ['fetch', 'WebSocket', 'XMLHttpRequest', 'EventSource'].map(name => ({
  name,
  message: 'Only web/client talks to the network; call it instead.',
}))

const viaWindow = {
  selector: 'MemberExpression[object.name=/^(window|globalThis|self)$/][property.name=/^(fetch|WebSocket|XMLHttpRequest|EventSource)$/]',
  message: 'Only web/client talks to the network; call it instead.',
}
const beacon = {
  selector: 'MemberExpression[object.name="navigator"][property.name="sendBeacon"]',
  message: 'Only web/client talks to the network; call it instead.',
}
const bareText = {
  selector: 'JSXText[value=/\\p{L}/u]',
  message: 'Words come from web/words, in every language.',
}
/** Other than `private`, a #name is private to the language: the minifier shortens it, and nothing can reach it by its name. */
const privateWord = {
  selector: ':matches(PropertyDefinition, MethodDefinition, TSParameterProperty)[accessibility="private"]',
  message: 'Write #name: it is short in the widget.',
}

/** Imports point one way: widget → client ← console, widget and console → words. */
const forbid = (message, ...regex) => ['error', { patterns: regex.map(one => ({ regex: one, message })) }]

export default defineConfig(
  { ignores: ['dist/', 'node_modules/', 'build/manifest/'] },
  ...tseslint.configs.strict,
  ...vue.configs['flat/recommended'],
  {
    files: ['**/*.vue'],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
    rules: {
      'vue/max-lines-per-block': ['error', { script: 150, template: 150, style: 200, skipBlankLines: true }],
      'vue/no-bare-strings-in-template': 'error',
      'vue/block-lang': ['error', { script: { lang: 'ts' } }],
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/block-order': ['error', { order: ['script', 'template', 'style'] }],
      'vue/multi-word-component-names': 'off', // pages and controls have the names of the glossary
      'vue/require-default-prop': 'off', // optional props are typed, and undefined is a value
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': ['error', { html: { void: 'any', normal: 'any' } }],
    },
  },
  {
    files: ['**/*.{ts,tsx,vue}'],
    rules: {
      'max-lines': ['error', { max: 400, skipBlankLines: true }],
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-invalid-void-type': 'off', // Vue's emits are typed with tuples and void
    },
  },
  {
    files: ['{console,widget,words}/**/*.{ts,tsx,vue}'],
    rules: {
      'no-restricted-globals': ['error', ...network],
      'no-restricted-syntax': ['error', viaWindow, beacon, bareText],
    },
  },
  {
    files: ['console/**/*.{ts,vue}'],
    rules: { 'no-restricted-imports': forbid('The console knows the client and the words, not the widget.', '/widget/(?!.*words)') },
  },
  {
    files: ['widget/**/*.{ts,tsx}'],
    rules: {
      'no-restricted-imports': forbid('The widget knows the client and the words, not the console, and no framework but Preact.', '/console/', '^@/', '^vue$'),
    },
  },
  {
    files: ['client/**/*.ts'],
    rules: {
      'no-restricted-imports': forbid('The client knows nobody: no words, no application, no framework.', '/(console|widget|words)/', '^@/', '^@words/', '^(vue|preact|pinia)'),
    },
  },
  {
    files: ['client/src/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', privateWord] },
  },
  {
    files: ['widget/{src,loader}/**/*.{ts,tsx}'],
    rules: { 'no-restricted-syntax': ['error', viaWindow, beacon, bareText, privateWord] },
  },
  {
    files: ['words/**/*.ts'],
    rules: { 'no-restricted-imports': forbid('The words know nobody.', '/(console|widget|client)/', '^@/', '^@client/', '^(vue|preact|pinia)') },
  },
)
