/** What the loader says until the frame has told it the rest: the names of the widget and of its button. */
export const loaderWords = {
  zh: ['在线客服', '打开对话'],
  en: ['Customer service', 'Open the chat'],
} as const
