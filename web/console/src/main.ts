import './styles/main.css'
import { startConsole } from './backend/start.ts'
import { unconnectedLive, unconnectedRest } from './backend/unconnected.ts'

void startConsole(unconnectedLive, unconnectedRest)
