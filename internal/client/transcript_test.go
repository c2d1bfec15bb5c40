package client

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/goleak"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

type step struct {
	From  string         `json:"from"`
	Over  string         `json:"over"`
	Frame jsontext.Value `json:"frame,omitzero"`
	Event happening      `json:"event,omitzero"`
}

type happening struct {
	Do   string                `json:"do"`
	Code uint16                `json:"code"`
	Text string                `json:"text"`
	ID   chat.ClientID         `json:"id"`
	C    chat.ConversationUUID `json:"c"`
	N    int64                 `json:"n"`
	View chat.View             `json:"view"`
	Open bool                  `json:"open"`
	shown
}

// shown is what a step says that the client shows; nil means: not named.
type shown struct {
	Log      []int64                         `json:"log"`
	Texts    map[int64]string                `json:"texts"`
	Erased   []int64                         `json:"erased"`
	Outbox   []outboxed                      `json:"outbox"`
	Unread   *int64                          `json:"unread"`
	Mine     *wire.Marks                     `json:"mine"`
	Theirs   *wire.Marks                     `json:"theirs"`
	Rows     []chat.ConversationUUID         `json:"rows"`
	Versions map[chat.ConversationUUID]int64 `json:"versions"`
	Counts   *wire.Counts                    `json:"counts"`
	Stopped  bool                            `json:"stopped"`
}

type outboxed struct {
	ID    chat.ClientID `json:"id"`
	State string        `json:"state"`
	Code  chat.Code     `json:"code"`
}

func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("../wire/testdata/transcripts/*.json")
	if err != nil || len(paths) < 15 {
		t.Fatalf("%d transcripts, %v: want at least 15", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var script struct {
				Client string `json:"client"`
				What   string `json:"what"`
				Steps  []step `json:"steps"`
			}
			if err := json.Unmarshal(content, &script); err != nil {
				t.Fatal(err)
			}
			play(t, script.Client, script.Steps)
		})
	}
}

// stage is a server that follows a script, and what its client shows.
type stage struct {
	t       *testing.T
	handler ws.Handler    // of its connections; nil: the stage itself
	accept  chan struct{} // one for each connection that is let in
	came    chan *ws.Conn
	frames  chan []byte
	conn    *ws.Conn
	old     *ws.Conn        // before conn
	rs      map[int64]int64 // the script's r, the client's

	session *Session
	visitor *Visitor
	agent   *Agent
	lists   *Lists
	watched chat.View

	mu     sync.Mutex
	closed map[*ws.Conn]bool
	ncs    map[string]net.Conn
	logs   map[chat.ConversationUUID][]wire.Event
	items  []*Item
}

func (s *stage) OnMessage(_ *ws.Conn, data []byte) {
	s.frames <- append([]byte(nil), data...)
}

func (s *stage) OnClose(conn *ws.Conn, _ uint16, _ string, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed[conn] = true
}

// former holds the connection before the present one to be open, or to be closed soon.
func (s *stage) former(open bool) error {
	closed := func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closed[s.old] {
			return "the former connection is open"
		}
		return ""
	}
	if !open {
		return eventually(closed)
	}
	if closed() == "" {
		return fmt.Errorf("the former connection is closed")
	}
	return nil
}

func newStage(t *testing.T) *stage {
	s := &stage{
		t: t, accept: make(chan struct{}, 1), came: make(chan *ws.Conn, 1), frames: make(chan []byte, 100), rs: map[int64]int64{},
		ncs: map[string]net.Conn{}, closed: map[*ws.Conn]bool{}, logs: map[chat.ConversationUUID][]wire.Event{},
	}
	return s
}

func play(t *testing.T, client string, steps []step) {
	s := newStage(t)
	url := s.serve()
	s.start(client, url, steps)
	for i, step := range steps {
		var err error
		switch step.From {
		case "client":
			err = s.expect(step.Frame)
		case "server":
			to := s.conn
			if step.Over == "old" {
				to = s.old
			}
			err = s.say(to, step.Frame)
		case "event":
			err = s.happen(step.Event)
		}
		if err != nil {
			t.Fatalf("step %d, %s %.200s %+v: %v", i, step.From, step.Frame, step.Event, err)
		}
	}
	s.session.Close()
	if err := s.noMore(); err != nil {
		t.Error(err)
	}
}

func (s *stage) serve() string {
	if s.handler == nil {
		s.handler = s
	}
	layer := ws.NewServer(ws.Config{Subprotocols: []string{wire.Subprotocol}})
	server := &http.Server{
		ReadHeaderTimeout: patience,
		ConnState: func(nc net.Conn, _ http.ConnState) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.ncs[nc.RemoteAddr().String()] = nc
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-s.accept:
			case <-s.t.Context().Done():
				return
			}
			conn, err := layer.Upgrade(w, r, s.handler)
			if err != nil {
				s.t.Error(err)
				return
			}
			if s.came != nil {
				s.came <- conn
			}
		}),
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	s.t.Cleanup(func() {
		_ = server.Close()
		<-served
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // at once
		_ = layer.Shutdown(ctx, 1001, "")
	})
	return "ws://" + listener.Addr().String() + "/"
}

func (s *stage) start(client, url string, steps []step) {
	me := chat.AgentID(126871239800000101)
	s.lists = NewLists(me)
	cfg := Config{URL: url, BackoffMin: time.Millisecond, BackoffMax: time.Millisecond, AttemptTimeout: 4 * patience}
	cfg.Observer = Observer{
		Event: func(c *Conversation, e *Event) {
			whole, err := e.Whole()
			if err != nil {
				s.t.Error(err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			log := s.logs[s.key(c)]
			if target := whole.Target; target != nil {
				for i := range log {
					if log[i].N == target.N {
						log[i] = *target
					}
				}
			}
			s.logs[s.key(c)] = append(log, whole)
		},
		Based: func(c *Conversation, _ Base, _ int64) {
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.logs, s.key(c))
		},
		List: s.lists.List,
		Rows: s.lists.Rows,
	}
	if client == "agent" {
		s.agent = StartAgent(s.t.Context(), cfg)
		s.session = s.agent.Session
		return
	}
	var hello wire.ClientHello
	if err := json.Unmarshal(steps[1].Frame, &hello); err != nil {
		s.t.Fatal(err)
	}
	s.visitor = StartVisitor(s.t.Context(), cfg, hello.Site, hello.Secret)
	s.session = s.visitor.Session
}

func (s *stage) key(c *Conversation) chat.ConversationUUID {
	if s.visitor != nil {
		return chat.ConversationUUID{}
	}
	return c.ID()
}

func (s *stage) happen(e happening) error {
	switch e.Do {
	case "connect":
		s.accept <- struct{}{}
		s.old = s.conn
		select {
		case s.conn = <-s.came:
		case <-time.After(patience):
			return fmt.Errorf("the client does not connect")
		}
		return nil
	case "lost":
		return s.lose(e.Code)
	case "send", "note":
		s.items = append(s.items, s.conversation(e.C).Put(&Item{ID: e.ID, T: e.Do, Text: e.Text}))
	case "open":
		s.agent.Open(e.C, false)
	case "watch":
		s.watched = e.View
		s.agent.Watch(e.View)
	case "read":
		return s.reach(func() string {
			if s.conversation(e.C).At().N < e.N {
				return "the client has not come so far"
			}
			return ""
		}, s.conversation(e.C).Read, e.N)
	case "old":
		return s.former(e.Open)
	case "show":
		return s.show(e)
	}
	return nil
}

func (s *stage) reach(missing func() string, then func(int64) error, n int64) error {
	if err := eventually(missing); err != nil {
		return err
	}
	return then(n)
}

func (s *stage) conversation(c chat.ConversationUUID) *Conversation {
	if s.visitor != nil {
		return s.visitor.Conversation()
	}
	return s.agent.Conversation(c)
}

func (s *stage) lose(code uint16) error {
	if code == ws.CodeAbnormal {
		s.mu.Lock()
		nc := s.ncs[s.conn.RemoteAddr().String()]
		s.mu.Unlock()
		return nc.Close()
	}
	s.conn.Close(code, "")
	return nil
}

// say sends a frame, with the client's number of the request that it answers.
func (s *stage) say(to *ws.Conn, frame jsontext.Value) error {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(frame, &members); err != nil {
		return err
	}
	if raw, ok := members["r"]; ok {
		members["r"] = fmt.Appendf(nil, "%d", s.rs[number(raw)])
		out, err := json.Marshal(members)
		if err != nil {
			return err
		}
		frame = out
	}
	return to.Send(frame)
}

// expect waits for a frame that has all members of the script's.
func (s *stage) expect(want jsontext.Value) error {
	var wanted map[string]jsontext.Value
	if err := json.Unmarshal(want, &wanted); err != nil {
		return err
	}
	for {
		var frame []byte
		select {
		case frame = <-s.frames:
		case <-time.After(patience):
			return fmt.Errorf("the client does not send it")
		}
		var got map[string]jsontext.Value
		if err := json.Unmarshal(frame, &got); err != nil {
			return err
		}
		if string(got["t"]) != string(wanted["t"]) && optional(frame) {
			continue
		}
		if _, _, err := wire.Decode(frame); err != nil {
			return err
		}
		for name, value := range wanted {
			if name == "r" {
				s.rs[number(value)] = number(got[name])
			} else if string(got[name]) != string(value) {
				return fmt.Errorf("the client sent %s", frame)
			}
		}
		return nil
	}
}

func optional(frame []byte) bool {
	switch typeOf(frame) {
	case "mark", "typing", "presence", "ping":
		return true
	}
	return false
}

func (s *stage) noMore() error {
	for {
		select {
		case frame := <-s.frames:
			if !optional(frame) {
				return fmt.Errorf("the client also sent %s", frame)
			}
		default:
			return nil
		}
	}
}

// eventually polls until missing says nothing any more.
func eventually(missing func() string) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		why := missing()
		if why == "" {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("still: %s", why)
		}
	}
}
