/** What visitors read about being logged in: loaded when that matters, and by itself, for it must share no code with the panel. */
export const identityWords = {
  'zh-CN': {
    wait: '请稍候…', login: '请先登录本网站，再开始咨询', there: '请先登录该网站，再开始咨询', again: '重试', anew: '不登录，直接咨询',
    sure: '退出登录？', unsent: (n: number) => `${n} 条消息尚未发出，退出后将被删除。`, stay: '返回', leave: '退出并删除',
  },
  en: {
    wait: 'One moment…', login: 'Please log in on this website to chat', there: 'Please log in on the website to chat', again: 'Try again', anew: 'Chat without logging in',
    sure: 'Log out?', unsent: (n: number) => `${n} message${n > 1 ? 's were' : ' was'} not sent and will be deleted.`, stay: 'Go back', leave: 'Log out and delete',
  },
}
