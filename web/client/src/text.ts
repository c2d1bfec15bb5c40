/** What may be sent, as the server judges it (internal/chat/text.go). */

// What no reader sees: white space, format characters, and the two letters that look like a space.
const unseen = /^[\s\0\u0085\u2800\u3164\p{Cf}]*$/u

export const isBlank = (text: string): boolean => unseen.test(text)

/** The length as the limit counts it: code points, not UTF-16 units. */
export const codePoints = (text: string): number => [...text].length

const encoder = new TextEncoder()

export const byteLength = (text: string): number => encoder.encode(text).length
