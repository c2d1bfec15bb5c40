/** What may be sent, as the server judges it (internal/chat/text.go). */

// What no reader sees: white space, format characters, and the two letters that look like a space.
const unseen = /^[\s\0\u0085\u2800\u3164\p{Cf}]*$/u

export const isBlank = (text: string): boolean => unseen.test(text)

/** The length as the limit counts it: code points, not UTF-16 units. */
export function codePoints(text: string): number {
  let count = 0
  for (let i = 0; i < text.length; i++, count++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++
  }
  return count
}

const encoder = new TextEncoder()

export const byteLength = (text: string): number => encoder.encode(text).length
