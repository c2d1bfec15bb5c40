/** A film as small as can be: one picture of H.264, shown once a second, its parts far from one another. */
import type { Given } from './pictures.ts'

/** 64 x 48, of one colour, with the AVCDecoderConfigurationRecord that says how to read it. */
const picture = Buffer.from('AAAAH2W4AAQAAAn///giih8cAAQBY4AAgwycnJ111111114=', 'base64')
const decoder = Buffer.from('AULACv/hABBnQsAKjI1COTcBDQEHhEI1AQAEaM48gA==', 'base64')
const [width, height] = [64, 48]

const words = (...values: number[]) => Buffer.concat(values.map(value => {
  const four = Buffer.alloc(4)
  four.writeUInt32BE(value)
  return four
}))
const halves = (...values: number[]) => Buffer.from(values.flatMap(value => [value >> 8, value & 255]))
const box = (type: string, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([words(body.length + 8), Buffer.from(type, 'latin1'), body])
}
const matrix = words(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)

/** So many seconds, with so many bytes between two pictures; what tells where they are stands at the end. */
export function mp4(name: string, seconds: number, between: number): Given {
  const type = box('ftyp', Buffer.from('isom'), words(512), Buffer.from('isomiso2avc1mp41'))
  const gap = Buffer.alloc(between)
  const film = box('mdat', ...Array.from({ length: seconds }, () => [picture, gap]).flat())
  const offsets = Array.from({ length: seconds }, (_, i) => type.length + 8 + i * (picture.length + between))
  const avc1 = box('avc1', words(0), halves(0, 1), Buffer.alloc(16), halves(width, height), words(0x480000, 0x480000, 0), halves(1), Buffer.alloc(32), halves(24, 0xffff), box('avcC', decoder))
  const table = box('stbl',
    box('stsd', words(0, 1), avc1),
    box('stts', words(0, 1, seconds, 1000)),
    box('stsc', words(0, 1, 1, 1, 1)),
    box('stsz', words(0, picture.length, seconds)),
    box('stco', words(0, seconds, ...offsets)),
  )
  const media = box('mdia',
    box('mdhd', words(0, 0, 0, 1000, seconds * 1000), halves(0x55c4, 0)),
    box('hdlr', words(0, 0), Buffer.from('vide'), words(0, 0, 0), Buffer.alloc(1)),
    box('minf', box('vmhd', words(1, 0, 0)), box('dinf', box('dref', words(0, 1), box('url ', words(1)))), table),
  )
  const track = box('trak', box('tkhd', words(3, 0, 0, 1, 0, seconds * 1000, 0, 0, 0, 0), matrix, words(width << 16, height << 16)), media)
  const head = box('mvhd', words(0, 0, 0, 1000, seconds * 1000, 0x10000), halves(0x100, 0), words(0, 0), matrix, words(0, 0, 0, 0, 0, 0, 2))
  return { name, mimeType: 'video/mp4', buffer: Buffer.concat([type, film, box('moov', head, track)]) }
}
