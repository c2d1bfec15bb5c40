/** Which files a site takes (settings.file_types), as sorts that people know and what is beside them. */
export const fileSorts = {
  images: ['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/heic', 'image/heif', 'image/bmp', 'image/tiff'],
  audio: ['audio/*'],
  video: ['video/*'],
  documents: [
    'text/plain', 'text/csv', 'application/pdf', 'application/json', 'application/rtf',
    'application/msword', 'application/vnd.ms-excel', 'application/vnd.ms-powerpoint',
    'application/vnd.openxmlformats-officedocument.*', 'application/vnd.oasis.opendocument.*',
  ],
  archives: ['application/zip'],
} as const

export type FileSort = keyof typeof fileSorts

export const sortNames = Object.keys(fileSorts) as FileSort[]

/** At most so many are stored. */
export const maxFileTypes = 100

/** A content type, or the beginning of some with *; as the server takes it. */
const form = /^[a-z0-9][a-z0-9.+-]{0,60}\/([a-z0-9][a-z0-9.+-]{0,80}\*?|\*)$/

export const isFileType = (text: string) => form.test(text)

export interface FileChoice {
  sorts: readonly FileSort[]
  /** Lines of the field, each a type. */
  other: readonly string[]
}

/** The sorts of which every type is taken; what is taken beside them. */
export function choiceOf(types: readonly string[]): FileChoice {
  const sorts = sortNames.filter(sort => fileSorts[sort].every(type => types.includes(type)))
  const covered = new Set<string>(sorts.flatMap(sort => fileSorts[sort]))
  return { sorts, other: types.filter(type => !covered.has(type)) }
}

export function linesOf(text: string): string[] {
  return text.split('\n').map(line => line.trim().toLowerCase()).filter(Boolean)
}

/** What is stored for a choice, each type once; `stored` itself if it says the same in another order. */
export function typesOf({ sorts, other }: FileChoice, stored: readonly string[]): readonly string[] {
  const types = new Set<string>([...sorts.flatMap(sort => fileSorts[sort]), ...other])
  return types.size === stored.length && stored.every(type => types.has(type)) ? stored : [...types]
}
