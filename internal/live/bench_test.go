package live_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// nobody is a connection that takes everything.
type nobody struct{}

func (nobody) Send([]byte) error                 { return nil }
func (nobody) SendPrepared(p *ws.Prepared) error { return nil }
func (nobody) Close(uint16, string)              {}
func (nobody) SetReadLimit(int64)                {}

// noStore is a database in which nobody is known.
type noStore struct{ chat.Store }

func (noStore) Counts(context.Context, []chat.SiteID) (map[chat.SiteID]chat.Counts, error) {
	return map[chat.SiteID]chat.Counts{}, nil
}

func (noStore) ChangedSince(context.Context, []chat.SiteID, int64) ([]chat.State, chat.Millis, error) {
	return nil, chat.At(time.Now()), nil
}

func (noStore) OpenRounds(context.Context, []chat.SiteID) ([]chat.State, error) { return nil, nil }

// idleHub is a hub over no database, with a world's people.
func idleHub(tb testing.TB) *live.Hub {
	w := &world{t: tb, people: newPeople(), clock: &clock{}, visitors: map[string]identity.Visitor{}, seen: map[chat.AgentID]chat.Millis{}}
	h := live.NewHub(live.Config{}, live.Parts{
		Node: "a", Store: noStore{}, Visitors: w, People: w, Sites: w.people, Logins: w, Seen: w, Entrances: w.db,
		Bus: bus.NewMemory(), Presence: presence.NewMemory(time.Now).On("a"), Log: slog.New(slog.DiscardHandler),
	})
	if err := h.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(h.Close)
	return h
}

// maxIdleBytes is this package's share of the 6 KB that an idle visitor may
// cost; its connection takes the rest, and the collector as much again.
const maxIdleBytes = 1100

func TestIdleVisitorIsSmall(t *testing.T) {
	h := idleHub(t)
	const n = 10_000
	before := heap()
	sessions := make([]*live.Session, n)
	for i := range n {
		sessions[i] = h.NewVisitor(nobody{}, live.Meta{Address: "192.0.2.1", UserAgent: "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/140.0"})
		hello, err := wire.Encode(wire.ClientHello{
			Site: "ShopKey", Secret: secretOf(i), Language: "zh-CN",
			Page: &wire.PageInfo{URL: fmt.Sprint("https://shop.example/shoes/", i), Title: "Shoes, and more shoes", Referrer: "https://search.example/"},
		})
		if err != nil {
			t.Fatal(err)
		}
		sessions[i].Frame(hello)
	}
	each := (heap() - before) / n
	t.Logf("%d bytes of heap for each idle visitor", each)
	if each > maxIdleBytes {
		t.Errorf("an idle visitor takes %d bytes here, at most %d are meant for it", each, maxIdleBytes)
	}
	for _, s := range sessions {
		s.Closed()
	}
	if left := (heap() - before) / n; left > 150 {
		t.Errorf("%d bytes for each visitor are left when all have gone", left)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// acker is a connection that counts acks as they come.
type acker struct {
	nobody
	acks chan struct{}
	c    chan chat.ConversationUUID // gets the conversation of the first one
}

func (a acker) Send(data []byte) error {
	if len(data) > 10 && string(data[:10]) == `{"t":"ack"` {
		select {
		case a.c <- conversationIn(data):
		default:
		}
		<-a.acks
	}
	return nil
}

func conversationIn(data []byte) chat.ConversationUUID {
	var ack wire.ServerAck
	if err := json.Unmarshal(data, &ack); err != nil {
		return chat.ConversationUUID{}
	}
	return ack.C
}

// BenchmarkMessage sends messages of 200 visitors, each looked at by one of 50
// agents who all watch the list of open rounds; 64 are under way. The database
// is a real one: compare with the benchmarks of store.
func BenchmarkMessage(b *testing.B) {
	w := newWorld(b, 1, func(c *live.Config) {
		c.Messages, c.Others = live.Rate{Burst: 1e9, PerSecond: 1e9}, live.Rate{Burst: 1e9, PerSecond: 1e9}
		c.RowsEvery, c.PresenceEvery, c.HealEvery, c.ReturnEvery, c.SeenEvery = 0, 0, 0, 0, 0
	})
	n := w.nodes[0]
	under := make(chan struct{}, 64)
	frame := func(f wire.Frame) []byte {
		data, err := wire.Encode(f)
		if err != nil {
			b.Fatal(err)
		}
		return data
	}
	agents := make([]*live.Session, 50)
	for i := range agents {
		id := chat.AgentID(1000 + i)
		a := identity.Agent{ID: id, Name: fmt.Sprint("Agent ", i), Roles: map[chat.SiteID]chat.Role{shop: chat.RoleAgent}}
		w.change(func(p *people) { p.agents[id] = a })
		agents[i] = n.NewAgent(nobody{}, identity.Login{ID: int64(id)}, a)
		agents[i].Frame(frame(wire.ClientHello{}))
		agents[i].Frame(frame(wire.ClientList{R: 1, View: chat.ViewOpen}))
	}
	visitors := make([]*live.Session, 200)
	for i := range visitors {
		conn := acker{acks: under, c: make(chan chat.ConversationUUID, 1)}
		visitors[i] = n.NewVisitor(conn, live.Meta{})
		visitors[i].Frame(frame(wire.ClientHello{Site: "ShopKey", Secret: secretOf(i)}))
		under <- struct{}{}
		visitors[i].Frame(frame(wire.ClientText{T: "send", ID: newID(), Text: "hello"}))
		agents[i%len(agents)].Frame(frame(wire.ClientOpen{T: "open", R: 1, C: <-conn.c}))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		under <- struct{}{}
		visitors[i%len(visitors)].Frame(frame(wire.ClientText{T: "send", ID: newID(), Text: "A message of an ordinary length, as people write them."}))
		i++
	}
	for range cap(under) {
		under <- struct{}{}
	}
	b.StopTimer()
	for _, s := range append(agents, visitors...) {
		s.Closed()
	}
}
