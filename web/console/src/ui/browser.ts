const browsers = [
  ['MicroMessenger/', 'WeChat'], ['Edg/', 'Edge'], ['EdgA/', 'Edge'], ['OPR/', 'Opera'], ['SamsungBrowser/', 'Samsung Internet'],
  ['Firefox/', 'Firefox'], ['FxiOS/', 'Firefox'], ['CriOS/', 'Chrome'], ['Chrome/', 'Chrome'], ['Version/', 'Safari'],
] as const

const systems = [
  ['Windows', 'Windows'], ['HarmonyOS', 'HarmonyOS'], ['Android', 'Android'], ['iPhone', 'iOS'], ['iPad', 'iPadOS'],
  ['Mac OS X', 'macOS'], ['CrOS', 'ChromeOS'], ['Linux', 'Linux'],
] as const

/** Browser and system of a User-Agent, "Firefox 145, Linux", as internal/live/browser.go names a visitor's; '' if neither is known. */
export function browserName(userAgent: string): string {
  const browser = browsers.find(([mark]) => userAgent.includes(mark))
  const version = browser && /^\d{1,4}(?=\.|$)/.exec(userAgent.split(browser[0])[1] ?? '')?.[0]
  const system = systems.find(([mark]) => userAgent.includes(mark))?.[1]
  return [browser && (version ? `${browser[1]} ${version}` : browser[1]), system].filter(Boolean).join(', ')
}
