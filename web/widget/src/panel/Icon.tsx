const shapes = {
  close: ['M18 6 6 18', 'm6 6 12 12'],
  send: ['m5 12 7-7 7 7', 'M12 19V5'],
  done: ['M20 6 9 17l-5-5'],
  doneTwice: ['M18 6 7 17l-5-5', 'm22 10-7.500 7.500L13 16'],
  clock: ['M12 6v6l4 2', 'M22 12a10 10 0 1 1-20 0 10 10 0 0 1 20 0'],
  alert: ['M12 8v4', 'M12 16h.01', 'M22 12a10 10 0 1 1-20 0 10 10 0 0 1 20 0'],
  cut: ['M12 20h.01', 'M8.500 16.429a5 5 0 0 1 7 0', 'M5 12.859a10 10 0 0 1 5.170-2.690', 'M19 12.859a10 10 0 0 0-2.007-1.523', 'm2 2 20 20'],
  down: ['m6 9 6 6 6-6'],
  clip: ['m21.4 11-9.2 9.2a6 6 0 0 1-8.5-8.5L12.9 2.6a4 4 0 0 1 5.7 5.7L9.4 17.4a2 2 0 0 1-2.8-2.8l8.5-8.5'],
}

export function Icon({ name }: { name: keyof typeof shapes }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      {shapes[name].map(shape => <path d={shape} key={shape} />)}
    </svg>
  )
}
