/** The files that a paste or a drop brings. */

interface Data {
  readonly types: readonly string[]
  readonly files: ArrayLike<File>
  readonly items?: ArrayLike<{ kind: string; webkitGetAsEntry?: () => { isDirectory: boolean } | null }>
}

/** Whether there are files in it. An office program that copies a text adds a picture of it: that is a text. */
export const hasFiles = ({ types }: Pick<Data, 'types'>): boolean =>
  types.includes('Files') && !(types.includes('text/plain') && types.includes('text/html'))

/** Without folders, which cannot be read. To be called while the event lasts. */
export function filesOf(data: Data): File[] {
  const entries = Array.from(data.items ?? []).filter(({ kind }) => kind === 'file')
  return Array.from(data.files).filter((_, i) => !entries[i]?.webkitGetAsEntry?.()?.isDirectory)
}
