import { defineWords } from '@words/words.ts'

export const partWords = defineWords(
  {
    close: '关闭',
    showPassword: '显示密码',
    hidePassword: '隐藏密码',
    copy: '复制',
    copied: '已复制',
    online: '在线',
    away: '离开',
    offline: '离线',
    waited: '已等待 {time}',
    dismiss: '收起提示',
    loading: '正在加载',
  },
  {
    close: 'Close',
    showPassword: 'Show the password',
    hidePassword: 'Hide the password',
    copy: 'Copy',
    copied: 'Copied',
    online: 'online',
    away: 'away',
    offline: 'offline',
    waited: 'waiting {time}',
    dismiss: 'Dismiss',
    loading: 'Loading',
  },
)
