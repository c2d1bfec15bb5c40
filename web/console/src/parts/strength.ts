/** The fewest characters of a password; any characters. */
export const shortest = 12

/** 0 (too short) to 4: length counts most, then how many different characters there are. */
export function strengthOf(password: string): 0 | 1 | 2 | 3 | 4 {
  const length = [...password].length
  if (length === 0) return 0
  if (length < shortest) return 1
  const different = new Set(password).size
  if (different < 6) return 1
  if (length >= 20 && different >= 10) return 4
  return length >= 16 || different >= 10 ? 3 : 2
}
