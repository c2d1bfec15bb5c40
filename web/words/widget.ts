/** The words of the widget. They travel to every visitor: keep them few. */
import { defineWords } from './words.ts'

export const widgetWords = defineWords(
  {
    open: '打开对话',
    close: '关闭对话',
    unread: '{n} 条未读消息',
    send: '发送',
    sent: '已发送',
    delivered: '已送达',
    read: '已读',
    resend: '重发',
    notSent: '未发送，网络中断。',
    reconnecting: '正在重新连接，您写的内容不会丢失。',
    waiting: '等待中',
  },
  {
    open: 'Open the chat',
    close: 'Close the chat',
    unread: '{n, # unread message, # unread messages}',
    send: 'Send',
    sent: 'Sent',
    delivered: 'Delivered',
    read: 'Read',
    resend: 'Resend',
    notSent: 'Not sent, the connection was lost.',
    reconnecting: 'Connecting again. What you write is kept.',
    waiting: 'Waiting',
  },
)
