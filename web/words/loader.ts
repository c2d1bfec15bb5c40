/** The name of the button until the frame has told it the rest. */
export const openZh = '打开对话'
export const openEn = 'Open the chat'
