// For looking at the pages while building them: the console over made-up data. Not part of any build.
// ?state= empty, loading, lost, late; ?theme= and ?lang= as in the pictures; ?to= the first path.
import '../src/styles/main.css'
import { createMemoryHistory } from 'vue-router'
import { startConsole } from '../src/backend/start.ts'
import { lang } from '../src/ui/language.ts'
import { theme } from '../src/ui/theme.ts'
import { makeFixtureLive } from './live.ts'
import { makeFixtureRest } from './rest.ts'

const asked = new URLSearchParams(location.search)
lang.value = asked.get('lang') === 'zh' ? 'zh-CN' : 'en'
theme.value = asked.get('theme') === 'dark' ? 'dark' : 'light'

const to = asked.get('to') ?? '/'
const history = createMemoryHistory()
history.replace(to)

const live = makeFixtureLive(asked.get('state') ?? '')
void startConsole(live, makeFixtureRest(to), { fill: live.fill, history })
