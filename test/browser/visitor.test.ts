/** A visitor's side of a conversation, against agents who speak the wire. */
import { describe, expect } from 'vitest'
import { test } from './harness/test.ts'

describe('a chat', () => {
  test('reaches an agent, and the answer comes back', async ({ visitor, wire }) => {
    const mia = await visitor()
    await mia.write('Do you ship to Taipei?')
    await mia.kept('Do you ship to Taipei?').waitFor()
    const ada = await wire.agent()
    const c = await ada.find('Do you ship to Taipei?')
    await ada.command({ t: 'send', c, text: 'Yes, in three days.' })
    await mia.message('Yes, in three days.').waitFor()
    expect(await mia.messages()).toEqual(['Do you ship to Taipei?', 'Ada is here for you', 'Yes, in three days.'])
  })

  test('belongs to its visitor alone', async ({ visitor, wire }) => {
    const [mia, tom] = [await visitor(), await visitor()]
    await mia.write('I am Mia')
    await tom.write('I am Tom')
    const ada = await wire.agent()
    await ada.command({ t: 'send', c: await ada.find('I am Mia'), text: 'Hello Mia' })
    await ada.command({ t: 'send', c: await ada.find('I am Tom'), text: 'Hello Tom' })
    await Promise.all([mia.message('Hello Mia').waitFor(), tom.message('Hello Tom').waitFor()])
    expect(await mia.messages()).toEqual(['I am Mia', 'Ada is here for you', 'Hello Mia'])
    expect(await tom.messages()).toEqual(['I am Tom', 'Ada is here for you', 'Hello Tom'])
  })

  test('shows the visitor no note, before or after a reload', async ({ visitor, wire }) => {
    const mia = await visitor()
    await mia.write('Is the red one in stock?')
    const ada = await wire.agent()
    const c = await ada.find('Is the red one in stock?')
    await ada.command({ t: 'note', c, text: 'SECRET: she returned three already' })
    await ada.command({ t: 'send', c, text: 'It is.' })
    await mia.message('It is.').waitFor()
    await mia.page.reload()
    await mia.message('It is.').waitFor()
    expect(mia.heard.filter(frame => frame.includes('It is.'))).toHaveLength(2)
    expect(mia.heard.filter(frame => frame.includes('SECRET'))).toEqual([])
  })

  test('says how far a message has come: sent, delivered, read', async ({ visitor, wire }) => {
    const mia = await visitor()
    await mia.write('How far is this?')
    await mia.marked('How far is this?', 'sent').waitFor()
    const ada = await wire.agent()
    const c = await ada.find('How far is this?')
    const { page } = await ada.open(c)
    ada.send({ t: 'mark', c, received: page.head.n, read: 0 })
    await mia.marked('How far is this?', 'delivered').waitFor()
    ada.send({ t: 'mark', c, received: page.head.n, read: page.head.n })
    await mia.marked('How far is this?', 'read').waitFor()
  })

  test('tells the agent what was delivered and read', async ({ visitor, wire }) => {
    const mia = await visitor()
    await mia.write('Tell me')
    const ada = await wire.agent()
    const c = await ada.find('Tell me')
    await ada.open(c)
    const { n } = await ada.command({ t: 'send', c, text: 'Told' })
    await ada.heard('mark', ({ who, marks }) => who.kind === 'visitor' && marks.received >= n && marks.read >= n)
  })

  test('shows who is writing, on both sides, and not who writes a note', async ({ visitor, wire, house }) => {
    const mia = await visitor()
    await mia.write('Are you there?')
    const [ada, noting] = [await wire.agent(), await wire.agent(await house.ada.invite('Cleo', house.site, 'agent'))]
    const c = await ada.find('Are you there?')
    await Promise.all([ada.open(c), noting.open(c)])
    const dots = mia.panel.getByRole('img', { name: mia.t('typing', { name: 'Ada' }) })
    noting.send({ t: 'typing', c, on: true, note: true })
    await ada.heard('typing', ({ note }) => note === true)
    ada.send({ t: 'typing', c, on: true })
    await dots.waitFor()
    expect(mia.heard.filter(frame => frame.includes('"typing"'))).toHaveLength(1)
    ada.send({ t: 'typing', c, on: false })
    await dots.waitFor({ state: 'detached' })
    await mia.field.fill('I am wri')
    await ada.heard('typing', ({ who, on }) => who.kind === 'visitor' && on)
  })

  test('survives being handed over, released and resolved', async ({ visitor, wire, house }) => {
    const ben = await house.ada.invite('Ben', house.site, 'agent')
    const mia = await visitor()
    await mia.write('My parcel is lost')
    const [ada, benWire] = [await wire.agent(), await wire.agent(ben)]
    const c = await ada.find('My parcel is lost')
    await ada.command({ t: 'take', c })
    await mia.joined('Ada').waitFor()
    await expect(benWire.command({ t: 'send', c, text: 'I answer too' })).rejects.toThrow('not_yours')
    await ada.command({ t: 'assign', c, agent: ben.id })
    await mia.joined('Ben').waitFor()
    await benWire.command({ t: 'send', c, text: 'I look after it now' })
    await benWire.command({ t: 'release', c })
    await ada.command({ t: 'resolve', c })
    await mia.message(mia.t('resolved')).waitFor()
    await mia.write('One more thing')
    await mia.kept('One more thing').waitFor()
    expect(await mia.messages()).not.toContain('I answer too')
  })

  test('is known to be here, away and gone', async ({ visitor, wire }) => {
    const mia = await visitor()
    await mia.write('See me')
    const ada = await wire.agent()
    const c = await ada.find('See me')
    expect((await ada.open(c)).visitor?.presence).toBe('online')
    // Presence is told in ticks; the agent's own comes with the first.
    await ada.heard('presence', ({ who }) => who?.kind === 'agent')
    await mia.page.close()
    await ada.heard('presence', ({ who, presence }) => who?.kind === 'visitor' && presence === 'offline', 30_000)
  })
})
