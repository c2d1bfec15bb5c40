import './styles/main.css'
import { AgentClient, browserTabs, browserWorld, followPage, liveUrl, RestClient } from '@client/index.ts'
import { AgentLive } from './backend/agent.ts'
import { serverRest } from './backend/server.ts'
import { startConsole } from './backend/start.ts'
import { sayRefused } from './features/inbox/refusals.ts'
import { useSession } from './session.ts'

void startConsole(() => {
  const session = useSession()
  const rest = serverRest(new RestClient(), () => { session.end() })
  const live = new AgentLive({
    connect: me => new AgentClient(browserWorld, browserTabs(), {
      url: liveUrl('agent'),
      agent: me.id,
      program: 'console',
      mayEnter: () => rest.me().then(found => found?.id === me.id, () => true),
    }),
    followPage,
    ended: () => { session.end() },
    reconnected: () => { void rest.me().then(me => { session.me = me }, () => undefined) },
    refused: sayRefused,
    now: () => Date.now(),
  })
  return { live, rest }
})
