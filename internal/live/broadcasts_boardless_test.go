package live_test

import (
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
)

// TestABroadcastIsNotDeliveredWhereItCannotBeShown: of the legacy chat room's customers
// none is counted, nor told, whether it has written or not, and comes before or after.
func TestABroadcastIsNotDeliveredWhereItCannotBeShown(t *testing.T) {
	w := newWorld(t, 2)
	customer := func(n *node, who byte) *peer {
		p := &peer{w: w, news: make(chan struct{})}
		p.session = n.NewVisitor(p, live.Meta{Known: &live.KnownVisitor{Site: shop, Hash: [32]byte(n.hash(who))}})
		t.Cleanup(p.leave)
		p.say(wire.ClientHello{})
		await(p, "hello", yes[wire.ServerHello])
		return p
	}
	d := w.nodes[0].desk()
	visitor := w.nodes[0].visitor(1)
	customers := []*peer{customer(w.nodes[0], 2), customer(w.nodes[1], 3)}
	customers[0].send(chat.ConversationUUID{}, "hello")
	first := d.say(everybody("closed at six"))
	visitor.shows("closed at six")
	customers = append(customers, customer(w.nodes[0], 4), customer(w.nodes[1], 2))
	second := d.say(everybody("open at nine"))
	visitor.shows("closed at six", "open at nine")
	d.counts(first, 1, 0)
	d.counts(second, 1, 0)
	for i, p := range customers {
		if texts, _ := p.words(); len(texts) != 0 {
			t.Errorf("customer %d was told %q", i, texts)
		}
	}
}
