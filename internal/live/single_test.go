package live_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

// answer has one frame of a visitor carried out that comes by itself.
func (n *node) answer(key string, who byte, f wire.Frame) (e wire.ServerError) {
	n.w.t.Helper()
	data, err := wire.Encode(f)
	if err != nil {
		n.w.t.Fatal(err)
	}
	if err := json.Unmarshal(n.AnswerVisitor(n.w.t.Context(), live.Meta{}, key, secret(who), data), &e); err != nil {
		n.w.t.Fatal(err)
	}
	return e
}

// TestAFrameForASiteJustMade: another node made the site, and greeted its first
// visitor, whose next frame comes to this one.
func TestAFrameForASiteJustMade(t *testing.T) {
	w := newWorld(t, 1, func(c *live.Config) { c.HealEvery = time.Hour })
	n := w.nodes[0]
	w.change(func(p *people) {
		p.made = []site.Site{{ID: 3, Name: "New", Key: "NewKey", Settings: site.DefaultSettings(), Version: 1}}
	})
	if got := n.answer("NewKey", 1, wire.ClientText{T: "send", ID: newID(), Text: "hello"}); got.T != "ack" {
		t.Errorf("the answer is %+v, want an ack", got)
	}
	if got := n.answer("NoKey", 1, wire.ClientPing{}); got.Code != wire.UnknownSite {
		t.Errorf("the answer is %+v, want %s", got, wire.UnknownSite)
	}
}

// TestAFrameOverTheRateLooksNobodyUp: what is refused costs the database nothing.
func TestAFrameOverTheRateLooksNobodyUp(t *testing.T) {
	w := newWorld(t, 1, func(c *live.Config) { c.Others = live.Rate{Burst: 1, PerSecond: 0.001} })
	n := w.nodes[0]
	if got := n.answer("ShopKey", 1, wire.ClientPing{}); got.T != "pong" {
		t.Fatalf("the answer is %+v, want a pong", got)
	}
	for range 3 {
		if got := n.answer("ShopKey", 1, wire.ClientPing{}); got.Code != wire.RateLimited || got.RetryAfter == 0 {
			t.Errorf("the answer is %+v, want %s", got, wire.RateLimited)
		}
	}
	if got := n.answer("ShopKey", 1, wire.ClientText{T: "send", ID: newID(), Text: "hello"}); got.T != "ack" {
		t.Errorf("the answer to a message is %+v, want an ack", got)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lookups != 2 {
		t.Errorf("the visitor was looked up %d times for two frames that were carried out", w.lookups)
	}
}
