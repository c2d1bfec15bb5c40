/** A page of the legacy chat room, by the names that a screen reader would say. */
import type { Locator, Page } from 'playwright-core'
import { expect } from 'vitest'

export class LegacyPage {
  private constructor(readonly page: Page) {}

  /** Opens the page, which asks this server, and waits until it is connected. */
  static async open(page: Page, address: string, server: string, user: string): Promise<LegacyPage> {
    await page.goto(`${address}/page.html?server=${encodeURIComponent(server)}&user=${encodeURIComponent(user)}`)
    const opened = new LegacyPage(page)
    await opened.says('Connected')
    return opened
  }

  async says(text: string): Promise<void> {
    await expect.poll(() => this.page.getByRole('status').textContent(), { timeout: 15_000 }).toBe(text)
  }

  async send(text: string): Promise<void> {
    await this.page.getByRole('textbox').fill(text)
    await this.page.getByRole('button', { name: 'Send' }).click()
  }

  /** Waits until the messages are these: `sender: text`. */
  async shows(...messages: string[]): Promise<void> {
    await expect.poll(() => this.page.getByRole('list', { name: 'Messages' }).getByRole('listitem').allTextContents(), { timeout: 15_000 }).toEqual(messages)
  }

  user(name: string): Locator {
    return this.page.locator('#users button').filter({ hasText: new RegExp(`^${name}$`) })
  }

  /** Waits until the tabs hold these names. */
  async lists(online: string[], all: string[]): Promise<void> {
    for (const [tab, names] of [[/^All/, all], [/^Online/, online]] as const) {
      await this.page.getByRole('tab', { name: tab }).click()
      await expect.poll(() => this.page.locator('#users button').allTextContents(), { timeout: 15_000 }).toEqual(names)
    }
    expect(await this.page.locator('#count').textContent()).toBe(String(online.length))
  }

  /** Whether a name has a dot: something of it was not read. */
  async unread(name: string): Promise<boolean> {
    return this.user(name).evaluate(button => button.classList.contains('dot'))
  }
}
