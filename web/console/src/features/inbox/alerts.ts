/** What tells an agent who looks elsewhere: a sound, a desktop notification, a count in the title. */
import { watchEffect } from 'vue'
import { preferences } from '../../ui/preferences.ts'

let audio: AudioContext | null = null

/** Two soft tones, made here: no file is loaded. Browsers stay silent until the page was touched once. */
export function chime(): void {
  if (!preferences.value.sound || !navigator.userActivation.hasBeenActive) return
  try {
    audio ??= new AudioContext()
    for (const [index, hertz] of [659.25, 880].entries()) tone(audio, hertz, audio.currentTime + index * 0.14)
  } catch {
    // A browser without sound still has the title and the list.
  }
}

function tone(context: AudioContext, hertz: number, at: number): void {
  const oscillator = context.createOscillator()
  const gain = context.createGain()
  oscillator.type = 'sine'
  oscillator.frequency.value = hertz
  gain.gain.setValueAtTime(0, at)
  gain.gain.linearRampToValueAtTime(0.12, at + 0.02)
  gain.gain.exponentialRampToValueAtTime(0.001, at + 0.35)
  oscillator.connect(gain).connect(context.destination)
  oscillator.start(at)
  oscillator.stop(at + 0.4)
}

/** Asks the browser, when the agent switches notifications on. */
export async function allowDesktop(): Promise<boolean> {
  if (!('Notification' in globalThis)) return false
  return (await Notification.requestPermission()) === 'granted'
}

/** Shows a desktop notification while the page is not looked at; a click comes back to it. */
export function notifyDesktop(title: string, body: string, tag: string, open: () => void): void {
  if (!preferences.value.desktop || document.hasFocus()) return
  if (!('Notification' in globalThis) || Notification.permission !== 'granted') return
  const notification = new Notification(title, { body, tag })
  notification.onclick = () => {
    window.focus()
    open()
    notification.close()
  }
}

/** (3) Conversations · Kefu */
export function titleOf(count: number, page: string): string {
  const name = page ? `${page} · Kefu` : 'Kefu'
  return count > 0 ? `(${count}) ${name}` : name
}

/** Keeps the page's title in step with what waits. */
export function markTitle(count: () => number, page: () => string): void {
  watchEffect(() => { document.title = titleOf(count(), page()) })
}
