import { computed, type Component } from 'vue'
import { useRouter } from 'vue-router'
import { Clock, Keyboard, Languages, Moon, Sun, UserRoundCheck } from '@lucide/vue'
import { useLive } from '../../backend/live.ts'
import { overlays } from '../../frame/overlays.ts'
import { panelsOfMine } from '../../panels.ts'
import { lang, useWords } from '../../ui/language.ts'
import { flipTheme, isDark } from '../../ui/theme.ts'
import { longestWaiting } from '../inbox/order.ts'
import { useInbox } from '../inbox/store.ts'
import { paletteWords } from './words.ts'

export interface Command {
  id: string
  label: string
  icon: Component
  keys?: string
  run: () => void
}

/** What can be done from anywhere, in the present language. */
export function useCommands() {
  const t = useWords(paletteWords)
  const router = useRouter()
  const inbox = useInbox()
  const live = useLive()

  return computed<Command[]>(() => {
    const longest = longestWaiting([...inbox.lists.waiting, ...inbox.lists.mine])
    const away = inbox.me.presence === 'away'
    return [
      ...(longest ? [{ id: 'longest', label: t('longest'), icon: Clock, keys: 'N', run: () => void router.push({ name: 'inbox', params: { c: longest.c } }) }] : []),
      ...panelsOfMine().map(panel => ({
        id: panel.name, label: t('goTo', { page: panel.title[lang.value] }), icon: panel.icon, keys: panel.key, run: () => void router.push(panel.path),
      })),
      { id: 'presence', label: away ? t('beOnline') : t('beAway'), icon: UserRoundCheck, keys: 'A', run: () => { live.presence(away ? 'online' : 'away') } },
      { id: 'theme', label: isDark.value ? t('light') : t('dark'), icon: isDark.value ? Sun : Moon, keys: 'Shift D', run: flipTheme },
      { id: 'language', label: t('language'), icon: Languages, run: () => { lang.value = lang.value === 'en' ? 'zh-CN' : 'en' } },
      { id: 'keys', label: t('keys'), icon: Keyboard, keys: '?', run: () => { overlays.shortcuts = true } },
    ]
  })
}
