// The script on other people's pages: it finds its own tag and adds the hidden frame.
const script = document.currentScript as HTMLScriptElement | null

if (script?.dataset.site) {
  const frame = document.createElement('iframe')
  frame.hidden = true
  frame.src = new URL('/widget/frame.html', script.src).href
  document.body.append(frame)
}
