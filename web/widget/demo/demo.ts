/** The demo shop: a page that stands for somebody's website, with the widget embedded as anybody would. */
import { demoWords } from '@words/demo.ts'
import { pickLang } from '@words/pick.ts'
import '../../tokens.css'
import './demo.css'

const asked = new URLSearchParams(location.search)
const lang = pickLang([asked.get('lang') ?? '', ...navigator.languages].filter(Boolean))
const words: Readonly<Record<string, string>> = demoWords[lang]

document.documentElement.lang = lang
document.title = demoWords[lang].title
for (const element of document.querySelectorAll<HTMLElement>('[data-word]')) element.textContent = words[element.dataset['word'] ?? ''] ?? ''
for (const element of document.querySelectorAll<HTMLElement>('[data-name]')) element.ariaLabel = words[element.dataset['name'] ?? ''] ?? ''

interface Api {
  open(): void
}
const kefu = () => (window as { Kefu?: Api }).Kefu

document.querySelector('#ask')?.addEventListener('click', () => kefu()?.open())
document.querySelector('#add')?.addEventListener('click', event => {
  const button = event.currentTarget as HTMLButtonElement
  button.textContent = demoWords[lang].added
})

// The snippet, with the key that the server put into the address.
const snippet = document.createElement('script')
snippet.src = '/widget.js'
snippet.dataset['site'] = asked.get('site') ?? ''
snippet.async = true
document.head.append(snippet)
