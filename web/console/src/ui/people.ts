import { pickLang } from '@words/pick.ts'
import type { Visitor } from '../backend/types.ts'

/** FNV-1a: the same key gives the same name and colour on every screen. */
export function hash(key: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 0x01000193) >>> 0
  return h
}

/** A hue in degrees, in steps that can be told apart. */
export function hue(key: string): number {
  return (hash(key) % 24) * 15
}

const manners: readonly (readonly [string, string])[] = [
  ['温和', 'Gentle'], ['安静', 'Quiet'], ['明亮', 'Bright'], ['从容', 'Calm'], ['机敏', 'Clever'], ['好奇', 'Curious'],
  ['快活', 'Merry'], ['耐心', 'Patient'], ['勇敢', 'Brave'], ['轻快', 'Swift'], ['细心', 'Careful'], ['友善', 'Kindly'],
  ['沉稳', 'Steady'], ['悠闲', 'Easy'], ['清醒', 'Wakeful'], ['开朗', 'Sunny'], ['灵巧', 'Nimble'], ['谦和', 'Modest'],
  ['真诚', 'Honest'], ['踏实', 'Sturdy'], ['远行', 'Roaming'], ['早起', 'Early'], ['晚归', 'Late'], ['新来', 'New'],
]

const animals: readonly (readonly [string, string])[] = [
  ['苍鹭', 'Heron'], ['水獭', 'Otter'], ['松鼠', 'Squirrel'], ['白鹤', 'Crane'], ['海豚', 'Dolphin'], ['刺猬', 'Hedgehog'],
  ['云雀', 'Lark'], ['羚羊', 'Antelope'], ['雪豹', 'Leopard'], ['红狐', 'Fox'], ['棕熊', 'Bear'], ['海鸥', 'Gull'],
  ['燕子', 'Swallow'], ['锦鲤', 'Carp'], ['驯鹿', 'Reindeer'], ['考拉', 'Koala'], ['企鹅', 'Penguin'], ['翠鸟', 'Kingfisher'],
  ['河狸', 'Beaver'], ['山雀', 'Titmouse'], ['骆驼', 'Camel'], ['海龟', 'Turtle'], ['猫头鹰', 'Owl'], ['小熊猫', 'Panda'],
  ['鲸鱼', 'Whale'], ['蜂鸟', 'Hummingbird'], ['野兔', 'Hare'], ['白马', 'Pony'], ['孔雀', 'Peacock'], ['海狮', 'Sealion'],
  ['斑马', 'Zebra'], ['雨燕', 'Swift'],
]

/**
 * A friendly name for somebody who has not said theirs, with two digits that keep namesakes apart: "Calm Otter 07".
 * It is in the visitor's language (a BCP 47 tag), not in the agent's: colleagues speak of the same person by the same name.
 */
export function friendlyName(key: string, language: string | undefined): string {
  const h = hash(key)
  const side = pickLang(language ? [language] : []) === 'zh-CN' ? 0 : 1
  const manner = manners[h % manners.length]?.[side] ?? ''
  const animal = animals[Math.floor(h / manners.length) % animals.length]?.[side] ?? ''
  const digits = String(Math.floor(h / (manners.length * animals.length)) % 100).padStart(2, '0')
  return side === 0 ? `${manner}的${animal} ${digits}` : `${manner} ${animal} ${digits}`
}

/** What the website vouches for goes before what its page says. */
export function nameOf(visitor: Visitor): string {
  return visitor.vouched?.name?.trim() || visitor.says?.name?.trim() || friendlyName(visitor.key, visitor.language)
}

/** What the website vouches for, and what the page says. */
export const emailsOf = (visitor: Visitor): string[] => [visitor.vouched?.email, visitor.says?.email].filter(email => email !== undefined)

/** A name among words that may run the other way. */
export const isolated = (name: string): string => `\u2068${name}\u2069`

/** The name that is shown is the page's word alone. */
export const isSaid = (visitor: Visitor): boolean => !visitor.vouched?.name?.trim() && !!visitor.says?.name?.trim()

const cjk = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/

/** One character of a CJK name, else the first letters of the first and last word; marks of direction are no letters. */
export function initials(name: string): string {
  const seen = name.replace(/\p{Cf}/gu, '').trim()
  const words = seen.split(/\s+/).filter(word => /\p{L}/u.test(word))
  const first = words[0] ?? seen
  if (cjk.test(first)) return [...first][0] ?? ''
  const last = words.length > 1 ? words[words.length - 1] : ''
  return ([...first][0] ?? '').toUpperCase() + ([...(last ?? '')][0] ?? '').toUpperCase()
}
