package live_test

import (
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/live"
)

// FuzzFrame hands any frame to a visitor and to an agent: never a panic.
func FuzzFrame(f *testing.F) {
	w := newWorld(f, 1, func(c *live.Config) {
		c.Messages, c.Others = live.Rate{Burst: 1e9, PerSecond: 1e9}, live.Rate{Burst: 1e9, PerSecond: 1e9}
	})
	n := w.nodes[0]
	id := `"id":"` + newID().String() + `"`
	c := `"c":"` + n.visitor(1).send(chat.ConversationUUID{}, "hello").C.String() + `"`
	for _, seed := range []string{
		`{"t":"hello","site":"ShopKey"}`, `{"t":"send",` + id + `,` + c + `,"text":"x"}`, `{"t":"note",` + id + `,` + c + `,"text":"x"}`,
		`{"t":"edit",` + id + `,` + c + `,"n":2,"text":"x"}`, `{"t":"recall",` + id + `,` + c + `,"n":2}`, `{"t":"take",` + id + `,` + c + `}`,
		`{"t":"assign",` + id + `,` + c + `,"agent":"101"}`, `{"t":"release",` + id + `,` + c + `}`, `{"t":"resolve",` + id + `,` + c + `}`,
		`{"t":"mark",` + c + `,"received":2,"read":9007199254740991}`, `{"t":"typing",` + c + `,"on":true}`, `{"t":"presence","presence":"away"}`,
		`{"t":"says","says":{"name":"x"}}`, `{"t":"open","r":1,` + c + `,"at":{"n":9,"tag":1}}`, `{"t":"close",` + c + `}`,
		`{"t":"page","r":1,` + c + `,"before":2,"limit":1}`, `{"t":"list","r":1,"view":"mine"}`, `{"t":"visitors","r":1,"on":true}`, `{"t":"ping"}`,
	} {
		f.Add(seed)
	}
	a, _ := w.Agent(dora)
	f.Fuzz(func(_ *testing.T, data string) {
		stranger, visitor := n.NewVisitor(nobody{}, live.Meta{}), n.NewVisitor(nobody{}, live.Meta{})
		agent := n.NewAgent(nobody{}, identity.Login{Agent: dora}, a)
		visitor.Frame([]byte(`{"t":"hello","site":"ShopKey","secret":"` + secret(1) + `"}`))
		agent.Frame([]byte(`{"t":"hello"}`))
		for _, s := range []*live.Session{stranger, visitor, agent} {
			s.Frame([]byte(data))
			s.Closed()
		}
	})
}
