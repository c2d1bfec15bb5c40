/** A site's colour: its own where it is one, and what can be read on it. */
export const plainBrand = '#2a4fd6'

export const isColour = (text: string | undefined): text is string => /^#[\da-f]{6}$/i.test(text ?? '')

/** Black or white, by the luminance at which both contrast alike (WCAG 2). */
export function inkOn(colour: string): string {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map(at => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? '#000' : '#fff'
}
