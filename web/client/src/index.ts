/** The version of the wire that both clients speak; it is the WebSocket subprotocol. */
export const subprotocol = 'kefu.1'
