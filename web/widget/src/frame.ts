import { startFrame } from './start.ts'

startFrame()
