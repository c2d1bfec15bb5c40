/** What visitors read with broadcasts: loaded with the first of them, and by itself, for it must share no code with the panel. */
export const broadcastWords = {
  'zh-CN': {
    cards: '通知', from: '通知', reply: '回复', replying: '正在回复此通知，点按取消', stop: '不再接收', off: '您不会再收到通知。', again: '重新接收', close: '收起', answers: '回复通知：',
  },
  en: {
    cards: 'News', from: 'News', reply: 'Reply', replying: 'Replying to this, press to cancel', stop: 'No more of these', off: 'You get no more news.', again: 'Get them again', close: 'Close', answers: 'Reply to: ',
  },
}
