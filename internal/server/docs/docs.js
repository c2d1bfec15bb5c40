// Shows what is searched for, and opens what an address names. Without this script
// everything is there, too.
const search = document.querySelector('input')
const none = document.querySelector('#none')
const operations = [...document.querySelectorAll('details')].map(element => ({ element, text: element.textContent.toLowerCase() }))

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean)
  let shown = 0
  for (const { element, text } of operations) {
    element.hidden = !words.every(word => text.includes(word))
    shown += element.hidden ? 0 : 1
  }
  for (const section of document.querySelectorAll('section')) section.hidden = !section.querySelector('details:not([hidden])')
  none.hidden = shown > 0
}

function go() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)))
  if (named instanceof HTMLDetailsElement) {
    named.hidden = false
    named.closest('section').hidden = false
    named.open = true
    named.scrollIntoView()
  }
}

search.hidden = false
search.addEventListener('input', show)
addEventListener('hashchange', go)
addEventListener('keydown', event => {
  if (event.key === '/' && document.activeElement !== search) {
    event.preventDefault()
    search.focus()
  } else if (event.key === 'Escape' && document.activeElement === search) {
    search.value = ''
    show()
  }
})
go()
