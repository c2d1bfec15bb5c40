import { expect, it, vi } from 'vitest'
import { RestClient } from '@client/index.ts'
import { refusalText } from '../ui/refusal.ts'
import { serverRest } from './server.ts'

/** A server that gives one answer, and what it was asked. */
function makeServer(status: number, body?: unknown) {
  const asked = vi.fn<typeof fetch>(() => Promise.resolve(new Response(body === undefined ? null : JSON.stringify(body), { status })))
  const ended = vi.fn()
  const rest = serverRest(new RestClient({ fetch: asked }), ended)
  const last = () => {
    const [path, init] = asked.mock.lastCall ?? []
    return [init?.method, path, init?.body ? JSON.parse(String(init.body)) as unknown : undefined]
  }
  return { rest, ended, last }
}

it('asks as docs/openapi.json says', async () => {
  const { rest, last } = makeServer(200, {})
  const settings = { origins: [], look: { brand: '#2a4fd6', placement: 'right', language: 'auto', theme: 'auto' }, answer_goal_seconds: 120, one_connection: false, file_types: [], retain_days: 0, verified_only: false, carry_over: true } as const
  await rest.changeSite({ id: '7', version: 3, name: 'Shop', settings: { ...settings, origins: [] } })
  expect(last()).toEqual(['PATCH', '/api/v1/sites/7', { version: 3, name: 'Shop', settings }])
  await rest.changePassword('old', 'new')
  expect(last()).toEqual(['POST', '/api/v1/me/password', { old_password: 'old', new_password: 'new' }])
  await rest.setRole('7', '1/2', 'admin')
  expect(last()).toEqual(['PUT', '/api/v1/sites/7/agents/1%2F2', { role: 'admin' }])
  await rest.broadcasts('7', 50)
  expect(last()).toEqual(['GET', '/api/v1/sites/7/broadcasts?limit=50', undefined])
  await rest.deleteBroadcast('7', '9', 3)
  expect(last()).toEqual(['DELETE', '/api/v1/sites/7/broadcasts/9?version=3', undefined])
  await rest.revokeSigningKey('7', '9', false)
  expect(last()).toEqual(['DELETE', '/api/v1/sites/7/signing-keys/9', undefined])
  await rest.revokeSigningKey('7', '9', true)
  expect(last()).toEqual(['DELETE', '/api/v1/sites/7/signing-keys/9?log_ins=true', undefined])
  await rest.deliveries('7', '9', { limit: 50 })
  expect(last()).toEqual(['GET', '/api/v1/sites/7/webhooks/9/deliveries?limit=50', undefined])
  await rest.deliveries('7', '9', { limit: 50, cursor: '12', failed: true })
  expect(last()).toEqual(['GET', '/api/v1/sites/7/webhooks/9/deliveries?limit=50&cursor=12&failed=true', undefined])
  await rest.replaySince('7', '9', '12')
  expect(last()).toEqual(['POST', '/api/v1/sites/7/webhooks/9/replay', { since: '12' }])
  await rest.eraseVisitor('7', '9')
  expect(last()).toEqual(['DELETE', '/api/v1/sites/7/visitors/9', undefined])
  await rest.visitor('7', '9')
  expect(last()).toEqual(['GET', '/api/v1/sites/7/visitors/9', undefined])
  await rest.useLink('s', 'p')
  expect(last()).toEqual(['POST', '/api/v1/link/password', { secret: 's', password: 'p' }])
})

it('takes "not logged in" as an answer where that is the question, and as the end of the log-in elsewhere', async () => {
  const { rest, ended } = makeServer(401, { code: 'not_logged_in', text: 'Log in.' })
  expect(await rest.me()).toBeNull()
  expect(ended).not.toHaveBeenCalled()
  await expect(rest.logIns()).rejects.toMatchObject({ code: 'not_logged_in' })
  expect(ended).toHaveBeenCalledOnce()
})

it('does not take an unreachable server for a missing log-in', async () => {
  const rest = serverRest(new RestClient({ fetch: () => Promise.reject(new TypeError('no network')) }), vi.fn())
  await expect(rest.me()).rejects.toMatchObject({ code: 'offline' })
})

it('says refusals in the reader’s language, by code and by field', async () => {
  const words = async (status: number, body: object) => {
    const why = await makeServer(status, body).rest.logIn('a@b.example', 'x').then(() => undefined, (error: unknown) => error)
    return [refusalText(why, 'en'), refusalText(why, 'zh-CN')]
  }
  expect(await words(401, { code: 'wrong_password', text: '', tries_left: 2 })).toEqual([
    'E-mail or password is wrong. Check both and try again. After 2 more tries, sign-in pauses.', '邮箱或密码不正确，请检查后重试。再错 2 次将暂停登录。',
  ])
  expect(await words(429, { code: 'too_many_tries', text: '', retry_after: 61_000 })).toEqual(['Too many wrong passwords. Try again in 2 minutes.', '输错次数过多，请在 2 分钟后重试。'])
  expect((await words(422, { code: 'bad_value', text: '', field: 'settings.origins[2]' }))[1]).toContain('不带路径')
  expect((await words(422, { code: 'wrong_password', text: '', field: 'old_password' }))[0]).toBe('The present password is wrong.')
  expect((await words(418, { code: 'teapot', text: 'no' }))[0]).toBe('The server refused the request (teapot).')
})
