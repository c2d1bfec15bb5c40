package wire

import (
	"fmt"

	"github.com/go-json-experiment/json"
)

// Frame is one of this package's Client… and Server… types, as a value or a pointer.
type Frame interface {
	// typed is a pointer to a copy of the frame with its T set: always for the
	// types that have one name only, else as the sender set it.
	typed() any
}

// Encode writes a frame as it goes over the connection; the sender need not
// set T where the frame has but one name. An error is a mistake of the caller:
// a text that is not UTF-8, a Look that is not JSON.
func Encode(f Frame) ([]byte, error) {
	if b, ok := appendHot(f); ok {
		return b, nil
	}
	b, err := json.Marshal(f.typed())
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", f, err)
	}
	return b, nil
}

func (f ServerHello) typed() any        { f.T = "hello"; return &f }
func (f ServerPage) typed() any         { f.T = "page"; return &f }
func (f ServerConversation) typed() any { f.T = "conversation"; return &f }
func (f ServerEvent) typed() any        { f.T = "event"; return &f }
func (f ServerAck) typed() any          { f.T = "ack"; return &f }
func (f ServerError) typed() any        { f.T = "error"; return &f }
func (f ServerMark) typed() any         { f.T = "mark"; return &f }
func (f ServerTyping) typed() any       { f.T = "typing"; return &f }
func (f ServerPresence) typed() any     { f.T = "presence"; return &f }
func (f ServerAgents) typed() any       { f.T = "agents"; return &f }
func (f ServerLooking) typed() any      { f.T = "looking"; return &f }
func (f ServerCarried) typed() any      { f.T = "carried"; return &f }
func (f ServerList) typed() any         { f.T = "list"; return &f }
func (f ServerRows) typed() any         { f.T = "rows"; return &f }
func (f ServerVisitors) typed() any     { f.T = "visitors"; return &f }
func (f ServerMove) typed() any         { f.T = "move"; return &f }
func (f ServerPong) typed() any         { f.T = "pong"; return &f }

func (f ClientHello) typed() any    { f.T = "hello"; return &f }
func (f ClientText) typed() any     { return &f }
func (f ClientCommand) typed() any  { return &f }
func (f ClientMark) typed() any     { f.T = "mark"; return &f }
func (f ClientTyping) typed() any   { f.T = "typing"; return &f }
func (f ClientPresence) typed() any { f.T = "presence"; return &f }
func (f ClientSays) typed() any     { f.T = "says"; return &f }
func (f ClientOpen) typed() any     { return &f }
func (f ClientPage) typed() any     { f.T = "page"; return &f }
func (f ClientList) typed() any     { f.T = "list"; return &f }
func (f ClientVisitors) typed() any { f.T = "visitors"; return &f }
func (f ClientPing) typed() any     { f.T = "ping"; return &f }
