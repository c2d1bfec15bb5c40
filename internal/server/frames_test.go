package server_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// frameRights are the answers to a frame about one visitor's conversation: by
// that visitor, by another visitor of the site, by one of another site, by the
// site's agents, by an admin of another site. "": done; "*": seen, whatever the
// rules say to it; else the code of the error.
type frameRights struct {
	frame                                         string // %c, %id and %r are filled in
	visitor, stranger, foreigner, agent, outsider string
}

// expectedFrames is the one table of who may send which frame about whom.
var expectedFrames = map[string]frameRights{
	"hello":      {`{"t":"hello"}`, "hello_first", "hello_first", "hello_first", "hello_first", "hello_first"},
	"send":       {`{"t":"send","id":"%id","c":"%c","text":"x"}`, "", "not_found", "not_found", "*", "not_found"},
	"note":       {`{"t":"note","id":"%id","c":"%c","text":"x"}`, "not_allowed", "not_found", "not_found", "", "not_found"},
	"edit":       {`{"t":"edit","id":"%id","c":"%c","n":2,"text":"y"}`, "", "not_found", "not_found", "*", "not_found"},
	"recall":     {`{"t":"recall","id":"%id","c":"%c","n":2}`, "", "not_found", "not_found", "*", "not_found"},
	"take":       {`{"t":"take","id":"%id","c":"%c"}`, "not_allowed", "not_found", "not_found", "*", "not_found"},
	"assign":     {`{"t":"assign","id":"%id","c":"%c","agent":"%a"}`, "not_allowed", "not_found", "not_found", "*", "not_found"},
	"release":    {`{"t":"release","id":"%id","c":"%c"}`, "not_allowed", "not_found", "not_found", "*", "not_found"},
	"resolve":    {`{"t":"resolve","id":"%id","c":"%c"}`, "not_allowed", "not_found", "not_found", "*", "not_found"},
	"mark":       {`{"t":"mark","c":"%c","received":1,"read":1}`, "", "not_found", "not_found", "", "not_found"},
	"typing":     {`{"t":"typing","c":"%c","on":true}`, "", "", "", "", ""},  // unanswered; the visitor hears of none of the others'
	"presence":   {`{"t":"presence","presence":"away"}`, "", "", "", "", ""}, // one's own
	"says":       {`{"t":"says","says":{"name":"N"}}`, "", "", "", "unknown_frame", "unknown_frame"},
	"broadcasts": {`{"t":"broadcasts","read":1}`, "not_found", "not_found", "not_found", "unknown_frame", "unknown_frame"}, // none was sent
	"open":       {`{"t":"open","r":%r,"c":"%c"}`, "unknown_frame", "unknown_frame", "unknown_frame", "", "not_found"},
	"close":      {`{"t":"close","c":"%c"}`, "unknown_frame", "unknown_frame", "unknown_frame", "", "not_found"},
	"page":       {`{"t":"page","r":%r,"c":"%c"}`, "", "not_found", "not_found", "", "not_found"},
	"list":       {`{"t":"list","r":%r,"view":"open","after":"%c"}`, "unknown_frame", "unknown_frame", "unknown_frame", "", "not_found"},
	"visitors":   {`{"t":"visitors","r":%r,"on":true}`, "unknown_frame", "unknown_frame", "unknown_frame", "", ""}, // of one's own sites
	"ping":       {`{"t":"ping"}`, "", "", "", "", ""},
}

// peer is a live connection.
type peer struct {
	s    *stage
	conn *ws.ClientConn
	r    int64
}

type head struct {
	T    string `json:"t"`
	ID   string `json:"id"`
	R    int64  `json:"r"`
	C    string `json:"c"`
	Code string `json:"code"`
	raw  string
}

func (s *stage) dial(door string, header http.Header) (*ws.ClientConn, error) {
	if header.Get("Origin") == "" {
		header.Set("Origin", s.base)
	}
	return ws.Dial(s.t.Context(), strings.Replace(s.base, "http", "ws", 1)+door, ws.DialOptions{Header: header, Subprotocols: []string{wire.Subprotocol}})
}

func (s *stage) connect(door, hello string, header http.Header) *peer {
	s.t.Helper()
	conn, err := s.dial(door, header)
	s.must(err)
	s.t.Cleanup(func() { _ = conn.Close() })
	p := &peer{s: s, conn: conn}
	p.say(hello)
	p.until(func(h head) bool { return h.T == "hello" })
	return p
}

func (s *stage) agent(who *person) *peer {
	return s.connect(server.AgentDoor, `{"t":"hello"}`, http.Header{"Cookie": {who.cookie()}})
}

func (s *stage) visitor(on chat.SiteID) *peer {
	var secret [32]byte
	_, _ = rand.Read(secret[:])
	one, _ := s.sites.ByID(on)
	hello := `{"t":"hello","site":"` + one.Key + `","secret":"` + base64.RawURLEncoding.EncodeToString(secret[:]) + `"}`
	return s.connect(server.VisitorDoor, hello, http.Header{})
}

func (p *peer) say(frame string) {
	p.s.t.Helper()
	p.s.must(p.conn.Write([]byte(frame)))
}

// until reads until a frame is the right one.
func (p *peer) until(right func(head) bool) head {
	p.s.t.Helper()
	p.s.must(p.conn.SetReadDeadline(time.Now().Add(10 * time.Second)))
	for {
		data, err := p.conn.Read()
		p.s.must(err)
		var h head
		p.s.must(json.Unmarshal(data, &h))
		if h.raw = string(data); right(h) {
			return h
		}
	}
}

// try sends a frame and returns the code of the error that answers it, or "".
func (p *peer) try(frame, conversation, agent string) string {
	p.s.t.Helper()
	p.r++
	id := uuid.Must(uuid.NewV7()).String()
	p.say(strings.NewReplacer("%id", id, "%c", conversation, "%r", strconv.FormatInt(p.r, 10), "%a", agent).Replace(frame))
	switch {
	case strings.Contains(frame, "%id"):
		return p.until(func(h head) bool { return h.ID == id && (h.T == "ack" || h.T == "error") }).Code
	case strings.Contains(frame, "%r"):
		return p.until(func(h head) bool { return h.R == p.r }).Code
	}
	p.say(`{"t":"ping"}`)
	code := ""
	p.until(func(h head) bool {
		if h.T == "error" {
			code = h.Code
		}
		return h.T == "pong" || code == string(wire.HelloFirst) // after which the connection ends
	})
	return code
}

// heard are the frames that have come until now about what others do.
func (p *peer) heard() (frames []string) {
	p.s.t.Helper()
	p.say(`{"t":"ping"}`)
	p.until(func(h head) bool {
		if h.T == "typing" || h.T == "mark" || h.T == "event" || h.T == "looking" {
			frames = append(frames, h.raw)
		}
		return h.T == "pong"
	})
	return frames
}

// begin writes the first message, and waits for its ack and its event.
func (p *peer) begin() (conversation string) {
	id := uuid.Must(uuid.NewV7()).String()
	p.say(`{"t":"send","id":"` + id + `","text":"hello"}`)
	acked, told := false, false
	p.until(func(h head) bool {
		if h.T == "ack" && h.ID == id {
			acked, conversation = true, h.C
		}
		told = told || h.T != "ack" && strings.Contains(h.raw, id) // as an event, or in a page
		return acked && told
	})
	return conversation
}

func TestEveryFrameForEveryRoleAndPerson(t *testing.T) {
	s := newStage(t)
	outsider := s.invite(s.cast["owner"], "outsider", jsonID(int64(s.other)), "admin")
	for name := range frameNames(t) {
		want, listed := expectedFrames[name]
		if !listed {
			t.Errorf("the frame %q is not in the table of rights: say who may send it", name)
			continue
		}
		visitor := s.visitor(s.own)
		c := visitor.begin()
		stranger, foreigner := s.visitor(s.own), s.visitor(s.other)
		stranger.begin()
		foreigner.begin()
		visitor.heard()
		before := s.kept(c)
		for who, try := range map[string]struct {
			p    *peer
			want string
		}{
			"another visitor": {stranger, want.stranger}, "a visitor of another site": {foreigner, want.foreigner},
			"an admin of another site": {s.agent(outsider), want.outsider},
		} {
			if have := try.p.try(want.frame, c, s.cast["agent"].id); have != try.want {
				t.Errorf("%s by %s: %q, want %q", name, who, have, try.want)
			}
		}
		if after := s.kept(c); after != before {
			t.Errorf("%s by others has changed the conversation: %s, then %s", name, before, after)
		}
		if heard := visitor.heard(); len(heard) > 0 {
			t.Errorf("the visitor hears of %s by others: %s", name, heard)
		}
		if have := visitor.try(want.frame, c, s.cast["agent"].id); have != want.visitor {
			t.Errorf("%s by the visitor: %q, want %q", name, have, want.visitor)
		}
		for _, role := range []string{"agent", "supervisor", "admin", "owner"} {
			have := s.agent(s.cast[role]).try(want.frame, c, s.cast["agent"].id)
			if want.agent == "*" && (have == "not_found" || have == "unknown_frame") || want.agent != "*" && have != want.agent {
				t.Errorf("%s by the site's %s: %q, want %q", name, role, have, want.agent)
			}
		}
	}
}

// kept is all that the database says of a conversation.
func (s *stage) kept(c string) string {
	s.t.Helper()
	id, err := uuid.FromString(c)
	s.must(err)
	known, err := s.db.Conversation(s.t.Context(), id)
	s.must(err)
	state, err := s.db.Head(s.t.Context(), known.ID)
	s.must(err)
	marks, err := s.db.Marks(s.t.Context(), known.ID)
	s.must(err)
	text, err := json.Marshal([]any{state, marks})
	s.must(err)
	return string(text)
}

// frameNames are the frames that the wire knows, read from the switch that decodes them.
func frameNames(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../wire/decode.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); !ok || f.Name.Name != "newClientFrame" {
			continue
		}
		ast.Inspect(d, func(n ast.Node) bool {
			if c, ok := n.(*ast.CaseClause); ok {
				for _, e := range c.List {
					name, err := strconv.Unquote(e.(*ast.BasicLit).Value)
					if err != nil {
						t.Fatal(err)
					}
					names[name] = true
				}
			}
			return true
		})
	}
	if len(names) < 10 {
		t.Fatalf("only %d frames were found in wire/decode.go", len(names))
	}
	return names
}
