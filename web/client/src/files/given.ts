/** The files that a paste or a drop brings. */

/** Whether there are files in it. An office program that copies a text adds a picture of it: that is a text. */
export const hasFiles = ({ types }: { types: readonly string[] }): boolean =>
  types.includes('Files') && !(types.includes('text/plain') && types.includes('text/html'))
