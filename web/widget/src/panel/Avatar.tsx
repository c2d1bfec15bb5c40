/** A hue of its own for each agent, and the first letter of the name. */
export function Avatar({ name, id, size }: { name: string; id: string; size: number }) {
  let hue = 0
  for (const char of id) hue = (hue * 31 + (char.codePointAt(0) ?? 0)) % 360
  const letter = [...name.trim()][0]?.toUpperCase() ?? '·'
  return (
    <span class="avatar" style={{ '--h': String(hue), '--av': `${size}px` }} aria-hidden="true">
      {letter}
    </span>
  )
}
