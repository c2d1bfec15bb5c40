package wire

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/kefu-chat/kefu/internal/chat"
)

// FrameError is why a frame was refused before anybody acted on it. ID and R
// are those of the frame, as far as they could be read.
type FrameError struct {
	Code   chat.Code
	Reason string // one sentence: what was wrong, what was expected
	ID     chat.ClientID
	R      int64
}

func (e *FrameError) Error() string { return string(e.Code) + ": " + e.Reason }

// clientFrame is a pointer to one of the Client… types.
type clientFrame interface {
	Frame
	// check says what is wrong with a frame that has been decoded, or "".
	// It cuts what may be cut.
	check(e *envelope) string
}

// Decode reads a client's frame: a pointer to one of the Client… types, and
// its name t. Errors: *FrameError with BadFrame or UnknownFrame.
func Decode(data []byte) (f Frame, t string, err error) {
	e := scan(data)
	if e.depth > MaxDepth {
		return nil, "", e.bad("the frame nests %d deep: at most %d", e.depth, MaxDepth)
	}
	t = string(e.t)
	target := newClientFrame(t)
	if target == nil {
		return nil, t, e.unknown(data)
	}
	if err := json.Unmarshal(data, target); err != nil {
		return nil, t, e.explain(err)
	}
	if reason := target.check(&e); reason != "" {
		return nil, t, e.bad("%s", reason)
	}
	return target, t, nil
}

func newClientFrame(t string) clientFrame {
	switch t {
	case "hello":
		return new(ClientHello)
	case "send", "note", "edit":
		return new(ClientText)
	case "recall", "take", "assign", "release", "resolve":
		return new(ClientCommand)
	case "mark":
		return new(ClientMark)
	case "typing":
		return new(ClientTyping)
	case "presence":
		return new(ClientPresence)
	case "says":
		return new(ClientSays)
	case "open", "close":
		return new(ClientOpen)
	case "page":
		return new(ClientPage)
	case "list":
		return new(ClientList)
	case "visitors":
		return new(ClientVisitors)
	case "ping":
		return new(ClientPing)
	case "broadcasts":
		return new(ClientBroadcasts)
	}
	return nil
}

// unknown tells a frame that nobody knows from what is no frame at all.
func (e *envelope) unknown(data []byte) error {
	if v := jsontext.Value(data); !v.IsValid() || v.Kind() != '{' {
		return e.bad("the frame is not one JSON object in UTF-8 with every name once")
	}
	if len(e.t) == 0 {
		return e.bad(`the frame has no type: the member "t" names it`)
	}
	return e.refuse(UnknownFrame, "no frame is called %.24q", e.t)
}

// explain words an error of the decoder without the names of Go's types.
func (e *envelope) explain(err error) error {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) && semantic.JSONPointer != "" {
		return e.bad("the member %.64s is not of the type or range that the protocol describes", semantic.JSONPointer)
	}
	return e.bad("the frame is not one JSON object in UTF-8 with every name once")
}

func (e *envelope) bad(format string, args ...any) error {
	return e.refuse(BadFrame, format, args...)
}

func (e *envelope) refuse(code chat.Code, format string, args ...any) error {
	refusal := &FrameError{Code: code, Reason: fmt.Sprintf(format, args...)}
	if canonical(e.id) {
		// What does not parse leaves the zero id: then the error answers no command.
		_ = refusal.ID.UnmarshalText(e.id)
	}
	if r, err := strconv.ParseInt(string(e.r), 10, 64); err == nil && r > 0 && r <= MaxNumber {
		refusal.R = r
	}
	return refusal
}

// DecodeServer reads a server's frame, for clients written in Go: a pointer to
// one of the Server… types, and its name t; nil for a name it does not know.
func DecodeServer(data []byte) (f Frame, t string, err error) {
	e := scan(data)
	t = string(e.t)
	target := newServerFrame(t)
	if target == nil {
		return nil, t, nil
	}
	if err := json.Unmarshal(data, target); err != nil {
		return nil, t, fmt.Errorf("decode the frame %q: %w", t, err)
	}
	return target, t, nil
}

func newServerFrame(t string) Frame { //nolint:cyclop // a case for each frame
	switch t {
	case "hello":
		return new(ServerHello)
	case "page":
		return new(ServerPage)
	case "conversation":
		return new(ServerConversation)
	case "event":
		return new(ServerEvent)
	case "ack":
		return new(ServerAck)
	case "error":
		return new(ServerError)
	case "mark":
		return new(ServerMark)
	case "typing":
		return new(ServerTyping)
	case "presence":
		return new(ServerPresence)
	case "agents":
		return new(ServerAgents)
	case "looking":
		return new(ServerLooking)
	case "carried":
		return new(ServerCarried)
	case "list":
		return new(ServerList)
	case "rows":
		return new(ServerRows)
	case "visitors":
		return new(ServerVisitors)
	case "move":
		return new(ServerMove)
	case "pong":
		return new(ServerPong)
	case "broadcasts":
		return new(ServerBroadcasts)
	case "gone":
		return new(ServerGone)
	}
	return nil
}
