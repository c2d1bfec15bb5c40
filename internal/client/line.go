package client

import (
	"context"
	"time"

	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// Transport is what carries a session's frames.
type Transport int

// The transports. With Streaming, frames come down as the answer to one request
// after the other, and go up in requests of their own; Polling is the same where
// somebody on the way holds answers back until they are whole.
const (
	WebSocket Transport = iota
	Streaming
	Polling
)

// line is one connection to the server, whatever carries it. One goroutine may
// read while others write.
type line interface {
	// Read gives the next frame, valid until the next Read, or why the line ended.
	Read() ([]byte, error)
	Write(frame []byte) error
	Close() error
	// greeted says that the server's hello came: from now on reads may take long.
	greeted()
}

// dial opens a line; ctx bounds the dialling, and the whole line is ended by Close.
func (s *Session) dial(ctx context.Context) (line, error) {
	if s.cfg.Transport != WebSocket {
		return newStream(s.cfg, s.agent, s.secret, s.site)
	}
	conn, err := ws.Dial(ctx, s.cfg.URL, ws.DialOptions{
		Header: s.cfg.Header, Subprotocols: []string{wire.Subprotocol},
		LocalAddr: s.cfg.LocalAddr, ReadBuffer: s.cfg.ReadBuffer,
	})
	if err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(s.cfg.AttemptTimeout)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &socket{conn, s.cfg.WriteTimeout}, nil
}

// socket is a WebSocket.
type socket struct {
	*ws.ClientConn
	timeout time.Duration
}

func (l *socket) Write(frame []byte) error {
	_ = l.NetConn().SetWriteDeadline(time.Now().Add(l.timeout))
	err := l.ClientConn.Write(frame)
	_ = l.NetConn().SetWriteDeadline(time.Time{}) // pongs, which the connection writes by itself, come later
	return err
}

func (l *socket) greeted() { _ = l.SetReadDeadline(time.Time{}) }
