// The panel as a page of its own, for links and QR codes.
import { open } from './panel.tsx'

open(document.body)
