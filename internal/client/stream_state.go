package client

import (
	"bytes"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// standing is what the next stream has to begin with: hello, and all that the
// session has asked to be told of, each from where its copy reaches now.
type standing struct {
	mu       sync.Mutex
	hello    *wire.ClientHello
	asks     []ask
	at       map[chat.ConversationUUID]wire.Position // the zero UUID is a visitor's own
	newcomer bool
}

// ask is a frame that asks to be told of something.
type ask struct {
	key   string
	frame wire.Frame
}

// takes keeps a frame that belongs to the session; false: it goes up by itself.
func (s *standing) takes(f wire.Frame, t string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch f := f.(type) {
	case *wire.ClientHello:
		s.hello, s.at = f, map[chat.ConversationUUID]wire.Position{}
		if f.At != nil {
			s.at[chat.ConversationUUID{}] = *f.At
		}
	case *wire.ClientPresence:
		s.hello.Presence = f.Presence
		if f.Page != nil {
			s.hello.Page = f.Page
		}
	case *wire.ClientSays:
		s.put("says", f)
	case *wire.ClientVisitors:
		s.put("visitors", f)
	case *wire.ClientOpen:
		delete(s.at, f.C)
		if f.At != nil {
			s.at[f.C] = *f.At
		}
		s.drop("c/" + f.C.String())
		if t == "open" {
			s.put("c/"+f.C.String(), f)
		}
	case *wire.ClientList:
		if !f.After.IsNil() {
			return false
		}
		s.put("list/"+string(f.View), f)
	default:
		return false
	}
	return true
}

func (s *standing) drop(key string) {
	s.asks = slices.DeleteFunc(s.asks, func(a ask) bool { return a.key == key })
}

func (s *standing) put(key string, f wire.Frame) {
	s.drop(key)
	s.asks = append(s.asks, ask{key, f})
}

// body is the next stream's request.
func (s *standing) body() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hello := *s.hello
	hello.At = s.reached(chat.ConversationUUID{})
	frames := []wire.Frame{hello}
	for _, a := range s.asks {
		if open, ok := a.frame.(*wire.ClientOpen); ok {
			anew := *open
			anew.T, anew.At = "open", s.reached(open.C)
			frames = append(frames, anew)
			continue
		}
		frames = append(frames, a.frame)
	}
	var body bytes.Buffer
	for _, f := range frames {
		line, err := wire.Encode(f)
		if err != nil {
			return nil, err
		}
		body.Write(append(line, '\n'))
	}
	return body.Bytes(), nil
}

func (s *standing) reached(c chat.ConversationUUID) *wire.Position {
	if at, ok := s.at[c]; ok {
		return &at
	}
	return nil
}

// told is the part of a server's frame that moves positions.
type told struct {
	T    string                `json:"t"`
	R    int64                 `json:"r"`
	C    chat.ConversationUUID `json:"c"`
	E    wire.Position         `json:"e"`
	Page *struct {
		Events []wire.Position `json:"events"`
		Reset  bool            `json:"reset"`
	} `json:"page"`
	Conversation *struct {
		C chat.ConversationUUID `json:"c"`
	} `json:"conversation"`
	Agents    []wire.AgentInfo `json:"agents"`
	Continues string           `json:"continues"`
}

// reads notes how far a frame brings the copies.
func (s *standing) reads(data []byte, agent bool) (told, error) {
	var f told
	if err := json.Unmarshal(data, &f); err != nil {
		return f, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := f.C
	if f.Conversation != nil {
		c = f.Conversation.C
	}
	if !agent {
		c = chat.ConversationUUID{}
	}
	switch {
	case f.T == "event":
		s.follows(c, f.E)
	case f.Page != nil && len(f.Page.Events) > 0:
		s.at[c] = f.Page.Events[len(f.Page.Events)-1]
	case f.Page != nil && f.Page.Reset:
		delete(s.at, c)
	}
	if f.T == "hello" {
		s.newcomer = !agent && f.Conversation == nil
		s.hello.Continues = f.Continues
	}
	return f, nil
}

// follows moves a position by the event behind it; behind a gap it stays, and
// the next stream fills it.
func (s *standing) follows(c chat.ConversationUUID, e wire.Position) {
	if at, known := s.at[c]; !known && e.N == 1 || known && e.N == at.N+1 {
		s.at[c] = e
	}
}

// began tells, once, that a newcomer's first message was kept: the stream's
// session does not know of it if another node took it.
func (s *standing) began() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.newcomer
	s.newcomer = false
	return was
}
