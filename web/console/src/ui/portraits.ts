import { inject, type InjectionKey } from 'vue'

/** The address of an agent's portrait, by the agent's id; reactive. */
export type PortraitOf = (agent: string) => string | undefined

export const portraitsKey: InjectionKey<PortraitOf> = Symbol('portraits')

/** Without anybody who knows of portraits there are none. */
export function usePortraits(): PortraitOf {
  return inject(portraitsKey, () => undefined)
}
