/** The words of the button on the website's page. They are in every page view's hidden frame: no more than these. */
import { type Lang } from './words.ts'

interface FaceWords {
  name: string
  open: string
  close: string
  unread: (n: number) => string
}

export const faceWords: Record<Lang, FaceWords> = {
  'zh-CN': { name: '在线客服', open: '打开对话', close: '收起对话', unread: n => `打开对话，${n} 条未读消息` },
  en: { name: 'Customer service', open: 'Open the chat', close: 'Close the chat', unread: n => `Open the chat, ${n} unread message${n > 1 ? 's' : ''}` },
}
