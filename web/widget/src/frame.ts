// The hidden frame. The panel's code comes at the first opening.
import { subprotocol } from '@client/index.ts'

document.documentElement.dataset.wire = subprotocol
addEventListener('message', event => {
  if (event.source === parent && event.data === 'kefu:open') void import('./panel.tsx').then(panel => panel.open(document.body))
})
