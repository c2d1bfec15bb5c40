// Holds the size budgets of the built pages. Run `npm run build` first.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { built } from './dist.mjs'

const KB = 1024

const gzipped = file => gzipSync(built(file), { level: 9 }).length
const manifestOf = name => JSON.parse(readFileSync(new URL(`manifest/${name}.json`, import.meta.url), 'utf8'))

/** Every file that the entry loads: scripts and styles, following static imports and, if asked, dynamic ones. */
function filesOf(manifest, key, { dynamic = false } = {}, seen = new Set(dynamic ? later.filter(one => one !== key) : []), files = new Set()) {
  if (seen.has(key)) return files
  seen.add(key)
  const chunk = manifest[key]
  assert.ok(chunk, `the manifest has no entry ${key}; it has ${Object.keys(manifest).join(', ')}`)
  files.add(chunk.file)
  for (const style of chunk.css ?? []) files.add(style)
  const next = [...(chunk.imports ?? []), ...(dynamic ? chunk.dynamicImports ?? [] : [])]
  for (const other of next) filesOf(manifest, other, { dynamic }, seen, files)
  return files
}

function hold(t, files, budget) {
  const sizes = [...files].map(file => [file, gzipped(file)])
  const total = sizes.reduce((sum, [, size]) => sum + size, 0)
  const list = sizes.map(([file, size]) => `${file} ${size}`).join(', ')
  t.diagnostic(`${total} of ${budget} bytes gzip: ${list}`)
  assert.ok(total <= budget, `${total} bytes gzip, the budget is ${budget}: ${list}`)
}

const widget = manifestOf('widget')
const console_ = manifestOf('console')
const loader = 'widget.js'
/** Loaded where WebSocket is blocked, and nowhere else. */
const streams = 'client/src/transport-stream.ts'
/** Loaded with the first file that is chosen or shown. */
const attachments = 'widget/src/files/part.tsx'
/** Loaded by the chat page alone, whose entry shares its code with the frame's. */
const page = 'widget/src/page.ts'
/** Loaded with the first broadcast. */
const broadcasts = ['client/src/broadcasts.ts', 'widget/src/broadcasts/view.ts']
/** Loaded where the site or one of its agents has a picture. */
const pictures = 'widget/src/pictures/pictures.ts'
/** The script of the frame and of the chat page. */
const start = Object.keys(widget).find(key => widget[key].name === 'start')
/** Loaded where a page or the server asks who a visitor is. */
const identity = 'widget/src/identity/part.ts'
const later = [identity, streams, attachments, ...broadcasts, pictures, page]

test('the loader is at most 2 KB', t => hold(t, [loader], 2 * KB))

test('the hidden frame is at most 10 KB', t => {
  hold(t, ['widget/frame.html', ...filesOf(widget, start)], 10 * KB)
})

test('all code and style of the open panel is at most 30 KB', t => {
  hold(t, [loader, 'widget/frame.html', ...filesOf(widget, start, { dynamic: true })], 30 * KB)
})

test('what is loaded where WebSocket is blocked is at most 3 KB', t => hold(t, filesOf(widget, streams), 3 * KB))

test('what is loaded with the first file is at most 10 KB', t => {
  const panel = filesOf(widget, start, { dynamic: true })
  hold(t, [...filesOf(widget, attachments)].filter(file => !panel.has(file)), 10 * KB)
})

test('what is loaded with the first broadcast is at most 4 KB', t => {
  const panel = filesOf(widget, start, { dynamic: true })
  hold(t, [...broadcasts.flatMap(key => [...filesOf(widget, key)])].filter(file => !panel.has(file)), 4 * KB)
})

test('what is loaded with the first picture is at most 1 KB', t => hold(t, filesOf(widget, pictures), KB))

test('what is loaded where it matters who a visitor is is at most 5 KB', t => {
  const frame = filesOf(widget, start)
  hold(t, [...filesOf(widget, identity)].filter(file => !frame.has(file)), 5 * KB)
})

test('the full-page chat is at most 30 KB', t => {
  hold(t, new Set(['widget/chat.html', ...filesOf(widget, start, { dynamic: true }), ...filesOf(widget, page)]), 30 * KB)
})

// The first load is the day's screen: the entry, and the inbox that it opens with.
test('the first load of the console is at most 200 KB', t => {
  const files = [...filesOf(console_, 'index.html'), ...filesOf(console_, 'src/features/inbox/Inbox.vue')].map(file => `console/${file}`)
  hold(t, ['console/index.html', ...new Set(files)], 200 * KB)
})
