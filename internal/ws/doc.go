// Package ws is the WebSocket connection layer (RFC 6455): it upgrades HTTP
// requests, reads whole messages, writes without ever blocking its caller, and
// finds out who is gone. It knows nothing of chat. Compression is off.
//
// # What a connection costs
//
// One goroutine, parked in the runtime's poller with a shallow stack and no
// buffer. Buffers come from pools when bytes are there and go back before the
// goroutine parks again; only an unfinished message keeps one, as large as what
// arrived of it and never over the read limit. A goroutine that writes exists
// only while something is queued. Pings come from one timing wheel per Server.
//
// That holds for *net.TCPConn and *net.UnixConn. Anything else (TLS, wrapped
// connections) works the same but keeps a 512-byte buffer while it waits.
//
// # Who calls what
//
// The goroutine of a connection calls its Handler: OnMessage for one message
// after the other, then OnClose once. Every method of Conn may be called from
// any goroutine, also from inside the Handler, and none of them blocks.
package ws
