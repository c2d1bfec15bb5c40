package ws

import (
	"errors"
	"fmt"
)

// Close codes of RFC 6455 that this package sends or reports.
const (
	CodeNormal        uint16 = 1000
	CodeGoingAway     uint16 = 1001
	CodeProtocolError uint16 = 1002
	CodeUnsupported   uint16 = 1003
	CodeNone          uint16 = 1005 // never sent: the peer's close frame had no code
	CodeAbnormal      uint16 = 1006 // never sent: there was no close frame
	CodeInvalidData   uint16 = 1007
	CodePolicy        uint16 = 1008
	CodeTooBig        uint16 = 1009
	CodeInternal      uint16 = 1011
	CodeTryAgainLater uint16 = 1013
)

var (
	// ErrClosed is what Send gives once the connection is closing.
	ErrClosed = errors.New("ws: the connection is closed or closing")
	// ErrQueueFull is what Send gives when it closes the connection because the
	// peer reads too slowly.
	ErrQueueFull = errors.New("ws: the peer reads too slowly: its send queue is full")
	// ErrPingTimeout is what OnClose gets when the peer did not answer a ping.
	ErrPingTimeout = errors.New("ws: the peer did not answer a ping in time")
	// ErrShutdown is what OnClose gets when Shutdown ran out of time.
	ErrShutdown = errors.New("ws: the server was stopped before the connection had closed")
)

// ProtocolError says which rule the peer broke; Code is the close code it was sent.
type ProtocolError struct {
	Code uint16
	Text string
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("ws: %s (close code %d)", e.Text, e.Code)
}

func broken(code uint16, text string) error { return &ProtocolError{Code: code, Text: text} }

// PanicError is what OnClose gets when OnMessage panicked; the connection was
// closed with 1011 and the others live on.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("ws: the handler panicked: %v", e.Value) }

// HandshakeError says why a request was not upgraded; the answer with Status
// has been written already.
type HandshakeError struct {
	Status int
	Text   string
}

func (e *HandshakeError) Error() string {
	return fmt.Sprintf("ws: handshake refused with %d: %s", e.Status, e.Text)
}
