/* The script of page.html, as pages of this protocol are written. */
const asked = new URLSearchParams(location.search)
const me = asked.get('user')
const agent = 'super_admin'
const calls = `${asked.get('server')}/test/mq/chatMsg/`
const at = selector => document.querySelector(selector)

let socket
let onlineList = []
let userList = []
let unread = new Set()
let messages = [] // of everybody this page may read
let selected = me === agent ? null : agent
let tab = 'online'

const say = text => { at('[role=status]').textContent = text }

async function call(path) {
  const answer = await (await fetch(calls + path, { credentials: 'include' })).json()
  if (answer.code !== 1) throw new Error(answer.msg)
  return answer.data
}

function drawUsers() {
  at('#count').textContent = onlineList.length
  const names = tab === 'online' ? onlineList : userList
  at('#users').replaceChildren(...names.map(name => {
    const row = document.createElement('li')
    const button = document.createElement('button')
    button.textContent = name
    button.classList.toggle('dot', unread.has(name))
    button.setAttribute('aria-current', name === selected)
    button.addEventListener('click', () => { void select(name) })
    row.append(button)
    return row
  }))
}

function drawMessages() {
  const shown = messages.filter(m => [m.sender, m.receiver].includes(selected))
  at('#messages').replaceChildren(...shown.map(m => {
    const row = document.createElement('li')
    row.textContent = `${m.sender}: ${m.msg}`
    row.title = new Date(m.createTime).toISOString()
    return row
  }))
  at('#messages').scrollTop = at('#messages').scrollHeight
}

async function select(name) {
  selected = name
  unread.delete(name)
  messages = await call(`getHistoryChat/${encodeURIComponent(me)}`)
  drawUsers()
  drawMessages()
}

function hear(frame) {
  switch (frame.key) {
    case 1:
    case 2:
      onlineList = frame.onlineList
      userList = frame.userList
      drawUsers()
      break
    case 3: {
      const m = frame.data
      messages.push(m)
      const other = m.sender === me ? m.receiver : m.sender
      if (other !== selected) unread.add(other)
      drawUsers()
      drawMessages()
      break
    }
    case 4:
      say('Signed in elsewhere')
  }
}

at('form').addEventListener('submit', event => {
  event.preventDefault()
  const field = at('input')
  if (!field.value.trim()) return say('A message must not be blank')
  if (!selected) return say('Choose somebody first')
  socket.send(JSON.stringify({ msg: field.value, sender: me, receiver: selected, createTime: new Date() }))
  field.value = ''
})
for (const which of ['online', 'all']) {
  at(`#${which}`).addEventListener('click', () => {
    tab = which
    for (const one of ['online', 'all']) at(`#${one}`).setAttribute('aria-selected', one === tab)
    drawUsers()
  })
}

async function enter() {
  at('h1').textContent = me
  at('section').hidden = me !== agent
  messages = await call(`getHistoryChat/${encodeURIComponent(me)}`)
  if (me === agent) userList = await call('getUserList')
  drawUsers()
  drawMessages()
  socket = new WebSocket(await call(`getWebSocketAddress/${encodeURIComponent(me)}`))
  let told = false
  socket.addEventListener('open', () => { say('Connected') })
  socket.addEventListener('message', event => {
    const frame = JSON.parse(event.data)
    told = told || frame.key === 4
    hear(frame)
  })
  socket.addEventListener('error', () => { say('The connection failed') })
  socket.addEventListener('close', () => { if (!told) say('Disconnected') })
}
enter().catch(error => { say(error.message) })
