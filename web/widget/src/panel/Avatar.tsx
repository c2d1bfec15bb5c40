import { faces } from './faces.ts'
import { useReadable } from './hooks.ts'

/** A portrait, or a hue of its own for each agent and the first letter of the name. The name stands beside it. */
export function Avatar({ name, id, size }: { name: string; id: string; size: number }) {
  const src = useReadable(faces)[id]
  let hue = 0
  for (const char of id) hue = (hue * 31 + (char.codePointAt(0) ?? 0)) % 360
  const letter = [...name.trim()][0]?.toUpperCase() ?? '·'
  return (
    <span class="avatar" style={{ '--h': String(hue), '--av': `${size}px` }} aria-hidden="true">
      {letter}
      {src && <img src={src} alt="" />}
    </span>
  )
}
