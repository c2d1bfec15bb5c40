/** What the server makes portraits and logos of (docs/PROTOCOL.md, Portraits and logos). */
export const pictureTypes = ['image/jpeg', 'image/png', 'image/gif', 'image/webp']
export const maxPictureBytes = 5 << 20

/** What is wrong with a file before it is uploaded; whether it is a picture at all, the server sees. */
export function pictureProblem(file: File): 'badPicture' | 'bigPicture' | null {
  if (file.type && !pictureTypes.includes(file.type)) return 'badPicture'
  return file.size > maxPictureBytes ? 'bigPicture' : null
}
