/** The luminance of a colour written #rrggbb, by WCAG 2. */
function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5]
    .map(at => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map(part => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

export function isHex(text: string): boolean {
  return /^#[0-9a-f]{6}$/i.test(text)
}

/** Whether white or dark text is read better on a colour, and at which ratio. */
export function inkOn(hex: string): { ink: 'white' | 'dark'; ratio: number } {
  const light = luminance(hex)
  const white = 1.05 / (light + 0.05)
  const dark = (light + 0.05) / 0.0555
  return white >= dark ? { ink: 'white', ratio: white } : { ink: 'dark', ratio: dark }
}
