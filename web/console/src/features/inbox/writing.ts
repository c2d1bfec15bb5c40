/** Enter sends, Shift and Enter makes a new line, and no Enter sends while an input method composes (229 is what Safari says then). */
export function sendsOn(event: Pick<KeyboardEvent, 'key' | 'shiftKey' | 'ctrlKey' | 'altKey' | 'isComposing' | 'keyCode'>): boolean {
  return event.key === 'Enter' && !event.shiftKey && !event.altKey && !event.isComposing && event.keyCode !== 229
}

/** The length of a text as the server counts it: code points. */
export function lengthOf(text: string): number {
  let n = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0xd800 && unit < 0xdc00 && i + 1 < text.length) i++
    n++
  }
  return n
}
