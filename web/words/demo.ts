/** The words of the demo shop: no part of the widget. */
const zh = {
  title: '青瓷盖碗 · 山间茶器', shop: '山间茶器', sections: '商店', tea: '茶叶', ware: '茶器', sets: '礼盒', journal: '茶事', bag: '购物袋 (1)',
  kiln: '龙泉三号窑', name: '青瓷盖碗 150 毫升', price: '¥ 368.00',
  about: '手工拉坯，三次上釉，窑烧两昼夜。盖子松紧正好，单手便可出汤。每一批都留有备用的盖子，保留一年。',
  add: '加入购物袋', added: '已加入', ask: '咨询客服', delivery: '满 199 元包邮', back: '30 天无理由退换', spare: '每批留有备用盖',
  note: '这是 Kefu 的演示商店。右下角的按钮就是访客看到的样子；在控制台里可以看到并回复这里写的消息。',
  console: '打开控制台',
} as const

const en: { readonly [Key in keyof typeof zh]: string } = {
  title: 'Celadon gaiwan · Hillside Teaware', shop: 'Hillside Teaware', sections: 'Shop', tea: 'Tea', ware: 'Teaware', sets: 'Sets', journal: 'Journal', bag: 'Bag (1)',
  kiln: 'Kiln 3, Longquan', name: 'Celadon gaiwan, 150 ml', price: '€ 46.00',
  about: 'Thrown by hand, glazed three times, fired for two days. The lid sits loosely enough to pour with one hand, and we keep a spare of every batch for a year.',
  add: 'Add to the bag', added: 'Added', ask: 'Ask about it', delivery: 'Free delivery from € 60', back: '30 days to return it', spare: 'Spare lids of every batch',
  note: 'This is Kefu’s demo shop. The button in the corner is what a visitor sees; what is written there arrives in the console.',
  console: 'Open the console',
}

export const demoWords = { 'zh-CN': zh, en }
