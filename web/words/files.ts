/** The words about files, in the widget and in the console. */
import { defineWords, type Lang } from './words.ts'

export const fileWords = defineWords(
  {
    attached: '要发送的文件',
    remove: '移除 {name}',
    again: '重试',
    offline: '等待网络',
    checking: '正在检查',
    elsewhere: '正在另一个标签页上传',
    drop: '松开以添加文件',
    tooMany: '一条消息最多 {most} 个文件，另外 {n} 个没有添加。',
    settle: '请先移除未能上传的文件，或重试。',
    file_too_large: '太大，最多 {most}',
    file_type_refused: '不接受这种文件',
    quota_reached: '空间已用完',
    empty: '文件是空的',
    unreadable: '无法读取，请重新选择',
    unfinished: '页面关闭时还没有上传完，请重新选择文件。',
    bad_files: '服务器上没有这些文件了，请重发。',
    failed: '上传失败（{code}）',
    open: '查看 {name}',
    download: '下载',
    pictures: '图片',
    position: '第 {n} 张，共 {all} 张',
    previous: '上一张',
    next: '下一张',
    close: '关闭',
    original: '打开原图',
    gone: '图片无法显示',
    picture: '［图片］',
    video: '［视频］',
    file: '［文件］',
  },
  {
    attached: 'Files to send',
    remove: 'Remove {name}',
    again: 'Try again',
    offline: 'Waiting for the connection',
    checking: 'Checking',
    elsewhere: 'Uploading in another tab',
    drop: 'Let go to add the files',
    tooMany: 'A message has {most} files at most: {n, one was, # were} not added.',
    settle: 'Remove what could not be uploaded, or try it again.',
    file_too_large: 'Too large, {most} at most',
    file_type_refused: 'Files of this type are not taken',
    quota_reached: 'The space is used up',
    empty: 'The file is empty',
    unreadable: 'It cannot be read. Choose it again.',
    unfinished: 'The page was closed before its files were uploaded. Choose them again.',
    bad_files: 'The server has these files no longer. Resend them.',
    failed: 'The upload failed ({code})',
    open: 'Look at {name}',
    download: 'Download',
    pictures: 'Pictures',
    position: 'Picture {n} of {all}',
    previous: 'Previous picture',
    next: 'Next picture',
    close: 'Close',
    original: 'Open the original',
    gone: 'The picture cannot be shown',
    picture: '[Picture]',
    video: '[Video]',
    file: '[File]',
  },
)

const units = ['kilobyte', 'megabyte', 'gigabyte'] as const

/** 0.1 kB, 482 kB, 4.2 MB; a kB has 1,024 bytes, as in the limits. */
export function sizeWords(bytes: number, lang: Lang): string {
  let unit = 0
  let size = bytes / 1024
  for (; size >= 1023.5 && unit < units.length - 1; unit++) size /= 1024
  const shown = size > 0 ? Math.max(0.1, size) : 0
  return new Intl.NumberFormat(lang, { style: 'unit', unit: units[unit] ?? 'kilobyte', maximumFractionDigits: shown < 10 ? 1 : 0 }).format(shown)
}

/** The words for why a file failed, by its code. */
const plain = ['file_type_refused', 'quota_reached', 'empty', 'unreadable', 'unfinished', 'bad_files'] as const
export type PlainFailure = (typeof plain)[number]
export const isPlainFailure = (code: string): code is PlainFailure => (plain as readonly string[]).includes(code)
