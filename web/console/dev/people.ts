import type { AgentInfo, LogEvent, Row, Site, Visitor } from '../src/backend/types.ts'

export const me = { id: '1', name: 'Lin Xiao' }

export function sites(zh: boolean): Site[] {
  return [
    { id: '1', name: zh ? '山间茶器' : 'Hillside Teaware', role: 'admin', answer_goal: 240 },
    { id: '2', name: zh ? '灯笼咖啡' : 'Lantern Coffee', role: 'agent', answer_goal: 240 },
  ]
}

export function agents(zh: boolean): AgentInfo[] {
  return [
    { id: '1', name: zh ? '林晓' : 'Lin Xiao', presence: 'online', sites: ['1', '2'] },
    { id: '3', name: zh ? '吴敏' : 'Wu Min', presence: 'online', sites: ['1'] },
    { id: '2', name: zh ? '陈昊' : 'Chen Hao', presence: 'away', sites: ['1', '2'] },
  ]
}

type Said = [c: string, en: string, zh: string, text: string, textZh: string, page: string, pageZh: string]

const waits: [...Said, unanswered: number, unread: number, waiting: boolean][] = [
  ['marcus', 'Marcus Bell', '陈立', 'Is the 120 ml pot safe in the dishwasher?', '120 毫升的壶可以放洗碗机吗？', 'Checkout', '结算页', 252_000, 2, false],
  ['v4821', '', '', '你好，请问可以开增值税发票吗？', 'Hello, can you ship to Singapore?', 'Cart', '购物车', 160_000, 1, false],
  ['hannah', 'Hannah Weiss', '周雨桐', 'Yes, the same address. Will it be there by Friday?', '对，还是这个地址。周五之前能到吗？', 'Order SJ-20418', '订单 SJ-20418', 48_000, 0, false],
  ['anon1', '', '', 'Is somebody here?', '有人在吗？', 'Celadon gaiwan, 150 ml', '青瓷盖碗 150 毫升', 300_000, 1, true],
  ['anon2', '', '', 'Where is my parcel?', '我的包裹到哪里了？', 'Order status', '物流查询', 30_000, 3, true],
]

const answered: [...Said, at: number, note: boolean][] = [
  ['priya', 'Priya Raman', '何佳宁', 'It leaves us today at 17:00.', '今天下午五点发货。', 'Order status', '物流查询', 5, false],
  ['tom', 'Tom Lindqvist', '苏明', 'I have refunded the shipping fee.', '运费已经退给您了。', '', '', 14, false],
  ['qinghe', '清和茶行', '清和茶行', 'ask for the tax number first', '先问清楚税号', '', '', 26, true],
  ['abiola', 'Abiola Okafor', '孙晓蕾', 'Here is the brewing guide as a PDF, with everything that you asked for.', '这是冲泡指南，PDF 一份。', '', '', 50, false],
  ['daniel', 'Daniel Keller', '高远', 'Then I will close this one. Enjoy the tea!', '那我先结束会话，祝您喝茶愉快！', '', '', 150, false],
]

function visitor(c: string, name: string, page: string, presence: Visitor['presence'], zh: boolean): Visitor {
  return {
    id: c, key: c, c, site: c === 'abiola' ? '2' : '1', presence, language: zh ? 'zh-CN' : 'de', browser: 'Firefox 145, Windows', verified: ['hannah', 'priya', 'qinghe'].includes(c),
    ...(name ? { says: { name, email: zh ? 'yutong.zhou@mail.example' : 'hannah@posteo.example', ...(c === 'hannah' ? { fields: { [zh ? '订单' : 'Orders']: '4' } } : {}) } } : {}),
    ...(page ? { page: { url: 'https://hillside.example/orders/20418', title: page, referrer: 'https://www.google.com/search' } } : {}),
  }
}

export function rowsOf(now: number, zh: boolean): Row[] {
  const first = waits.map(([c, en, name, text, textZh, page, pageZh, since, unread, waiting]): Row => ({
    c, v: 1, site: '1', visitor: { ...visitor(c, zh ? name : en, zh ? pageZh : page, 'online', zh), since: now - 134_000 }, unread, last_at: now - 20_000,
    round: { number: 2, state: waiting ? 'waiting' : 'assigned', unanswered_since: now - since, ...(waiting ? { waiting_since: now - since } : { agent: me }) },
    last: { n: 12, tag: 0, v: 1, kind: 'message', at: now - 20_000, by: { kind: 'visitor' }, text: zh ? textZh : text },
  }))
  const then = answered.map(([c, en, name, text, textZh, page, pageZh, minutes, note], i): Row => ({
    c, v: 1, site: c === 'abiola' ? '2' : '1', visitor: visitor(c, zh ? name : en, zh ? pageZh : page, (['online', 'away', 'offline'] as const)[Math.min(i, 2)] ?? 'offline', zh), unread: 0,
    last_at: now - minutes * 60_000, round: { number: 1, state: 'assigned', agent: i === 4 ? { id: '2', name: zh ? '陈昊' : 'Chen Hao' } : me },
    last: { n: 12, tag: 0, v: 1, kind: note ? 'note' : 'message', at: now - minutes * 60_000, by: { kind: 'agent', id: note ? '3' : '1', name: zh ? '吴敏' : 'Wu Min' }, text: zh ? textZh : text },
  }))
  return [...first, ...then]
}

export function visitorsOf(rows: Row[], now: number, zh: boolean): Visitor[] {
  const pages = zh ? ['首页', '青瓷盖碗 150 毫升', '保修与退货'] : ['Home', 'Celadon gaiwan, 150 ml', 'Warranty and returns']
  const others = Array.from({ length: 28 }, (_, i): Visitor => ({
    key: `guest ${i}`, site: '1', presence: i % 5 === 4 ? 'away' : 'online', since: now - (i + 1) * 47_000,
    page: { url: `https://hillside.example/p/${i}`, title: pages[i % 3] ?? '', referrer: i % 2 ? 'https://www.google.com/' : 'https://www.bing.com/' },
  }))
  return [...rows.map(row => row.visitor), ...others]
}

export function eventsOf(row: Row, now: number, zh: boolean, extra: number): LogEvent[] {
  const say = (en: string, cn: string) => (zh ? cn : en)
  const them = { kind: 'visitor' } as const
  const mine = { kind: 'agent', id: '1', name: say('Lin Xiao', '林晓') } as const
  const min = { kind: 'agent', id: '3', name: say('Wu Min', '吴敏') } as const
  const old = now - 7 * 86_400_000
  const at = (minutes: number) => now - minutes * 60_000
  const list: Omit<LogEvent, 'n' | 'tag' | 'v'>[] = [
    { kind: 'opened', at: old, by: { kind: 'system' }, round: { number: 1 } },
    { kind: 'message', at: old, by: them, text: say('Hello! Does the celadon gaiwan come with a spare lid?', '您好！青瓷盖碗会附一个备用的盖子吗？') },
    { kind: 'message', at: old + 60_000, by: min, text: say('Not by default, but we keep lids of every batch for a year. If yours ever breaks, write to us and we will send one.', '默认不附，不过每一批的盖子我们都会留一年。万一碰坏了，写信给我们，补寄一个给您。') },
    { kind: 'resolved', at: old + 90_000, by: min, round: { number: 1 } },
    { kind: 'message', at: at(9), by: them, text: say('Hi, my gaiwan came today. The lid has a chip on the rim.', '你好，盖碗今天收到了，盖子边上有个缺口。') },
    { kind: 'message', at: at(9), by: them, text: say('It is a present for my mother, and her birthday is on Saturday', '这是送给妈妈的礼物，她周六生日') },
    { kind: 'assigned', at: at(8), by: mine, round: { number: 2, agent: { id: '1', name: mine.name } } },
    { kind: 'message', at: at(7), by: mine, text: say('Oh no, I am sorry, Hannah. Thank you for the photo, the chip is easy to see.', '真抱歉，雨桐。谢谢您的照片，缺口看得很清楚。') },
    { kind: 'message', at: at(7), by: mine, text: say('I can send a new lid today by express, at our cost. Shall it go to the same address, Gartenstraße 12 in Leipzig?', '今天就用快递寄一个新盖子，费用我们出。还是寄到原来的地址吗？') },
    { kind: 'note', at: at(6), by: min, private: true, text: say('Three lids of batch 0917 came back this week. Open the box and look before it goes out.', '0917 这一批这周退回来三个盖子。发货前请开箱看看。') },
    { kind: 'message', at: at(5), by: them, text: row.last?.by.kind === 'visitor' ? row.last.text ?? '' : say('Thank you', '谢谢') },
  ]
  const before = Array.from({ length: extra }, (_, i): Omit<LogEvent, 'n' | 'tag' | 'v'> => ({
    kind: 'message', at: old - (extra - i) * 60_000, by: i % 3 ? mine : them, text: `${i}. ${'A longer text that wraps over lines. '.repeat(1 + i % 5)}`,
  }))
  return [...before, ...list].map((event, i) => ({ ...event, n: i + 1, tag: i, v: 1 }))
}
