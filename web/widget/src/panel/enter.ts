interface Key {
  key: string
  keyCode: number
  shiftKey: boolean
  altKey: boolean
  isComposing: boolean
  timeStamp: number
}

/** In Safari the Enter that ends a composition comes right behind its end, in ms. */
const behind = 30

/** Knows which Enter sends: never the one that an input method takes for itself. */
export class EnterKey {
  #composing = false
  #ended = -Infinity

  compositionStart(): void {
    this.#composing = true
  }

  compositionEnd(timeStamp: number): void {
    this.#composing = false
    this.#ended = timeStamp
  }

  sends(key: Key): boolean {
    const composed = this.#composing || key.isComposing || key.keyCode === 229 || key.timeStamp - this.#ended < behind
    return key.key === 'Enter' && !composed && !key.shiftKey && !key.altKey
  }
}
