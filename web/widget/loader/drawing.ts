/** The button and the frame's place, drawn where the page's styles do not reach and without an inline style. */

const css = `
div{position:fixed;z-index:2147483647;inset:var(--i,auto 20px 20px auto);display:grid;gap:16px;justify-items:var(--j,end);pointer-events:none;font:600 12px/1 system-ui;color-scheme:light dark}
button{all:unset;position:relative;display:grid;place-items:center;width:52px;height:52px;border:2px solid #0000;border-radius:50%;background:var(--b,#2a4fd6);color:var(--o,#fff);cursor:pointer;pointer-events:auto;box-shadow:0 4px 20px -2px #0f111647}
button:before{content:"";width:22px;height:20px;border:2px solid;border-radius:50% 50% 50% 2px}
.open button:before{width:10px;height:10px;border-width:0 2px 2px 0;border-radius:0;translate:0 -3px;rotate:45deg}
button:focus-visible{outline:2px solid var(--b,#2a4fd6);outline-offset:2px}
span:empty{display:none}
span{position:absolute;top:-6px;right:-6px;padding:5px 7px;border-radius:16px;background:#b3261e;color:#fff;box-shadow:0 0 0 2px #fff}
iframe{visibility:hidden;width:384px;height:min(664px,100dvh - 116px);border:0;border-radius:16px;background:Canvas;box-shadow:0 24px 64px -12px #0f111647}
.open :not([inert]){visibility:visible;pointer-events:auto}
@media(max-width:480px){iframe{position:fixed;inset:0;width:100%;height:100dvh;border-radius:0}.open button{display:none}}
@media(prefers-reduced-motion:no-preference){.open iframe{animation:k .28s ease-out}div,button{transition:.18s}button:hover{scale:1.04}@keyframes k{from{opacity:0;translate:0 12px}}}
@media print{div{display:none}}`

const make = document.createElement.bind(document)
const sheet = new CSSStyleSheet()
sheet.replaceSync(css)

export const host = make('kefu-widget')
export const root = make('div')
export const button = make('button')
export const badge = make('span')
export const frame = make('iframe')

const shadow = host.attachShadow({ mode: 'open' })
shadow.adoptedStyleSheets = [sheet]
host.style.cssText = 'all:initial!important'
root.style.opacity = '0'
root.role = 'complementary'
button.ariaExpanded = 'false'
// The frame takes no focus before it listens: a new process for it begins by telling the browser that the page around it
// has the focus. Said after our frame.focus(), that sends all typing to the page, and neither side notices.
frame.inert = true
button.append(badge)
root.append(frame, button)
shadow.append(root)
