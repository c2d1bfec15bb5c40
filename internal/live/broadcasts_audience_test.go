package live_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/wire"
)

func TestBroadcastAudiences(t *testing.T) {
	w := newWorld(t, 2)
	d := w.nodes[0].desk()
	on := func(language, url string) func(*wire.ClientHello) {
		return func(h *wire.ClientHello) { h.Language, h.Page = language, &wire.PageInfo{URL: url} }
	}
	zh := w.nodes[0].returns(1, nil, on("zh-CN", "https://shop.example/books/1"))
	en := w.nodes[1].returns(2, nil, on("en", "https://shop.example/books/2"))
	toys := w.nodes[1].returns(3, nil, on("zh-CN", "https://shop.example/toys"))
	toys.send(chat.ConversationUUID{}, "three")
	segment := func(text, language, page string) broadcast.Content {
		c := everybody(text)
		c.Audience = broadcast.Audience{Kind: broadcast.Segment, Language: language, Page: page}
		return c
	}
	d.say(segment("中文", "zh", ""))
	d.say(segment("books", "", "https://shop.example/books"))
	both := d.say(segment("中文书", "zh", "https://shop.example/books"))
	zh.shows("中文", "books", "中文书")
	en.shows("books")
	d.say(segment("toys", "", "https://shop.example/toys"))
	toys.shows("中文", "toys") // of the third it has been asked then, too
	d.counts(both, 1, 0)
	toys.leave()
	w.nodes[0].returns(3, nil, on("zh-CN", "https://shop.example/books/3")).shows("中文", "toys") // it was asked before
	d.counts(both, 1, 0)

	here := everybody("now")
	here.Audience.Kind = broadcast.WhoIsHere
	away := w.nodes[0].visitor(4)
	away.send(chat.ConversationUUID{}, "four")
	gone := w.nodes[0].visitor(5)
	gone.send(chat.ConversationUUID{}, "five")
	away.leave()
	gone.leave()
	d.say(here)
	w.clock.pass(20 * time.Second)
	w.nodes[1].visitor(4).shows("now")
	w.clock.pass(20 * time.Second)
	w.nodes[1].visitor(5).shows()
}

// idOf is the id of a visitor who has written.
func (w *world) idOf(who byte) chat.VisitorID {
	w.t.Helper()
	hash, err := identity.HashSecret(secret(who))
	if err != nil {
		w.t.Fatal(err)
	}
	v, err := w.Visitor(w.t.Context(), shop, hash)
	if err != nil {
		w.t.Fatal(err)
	}
	return v.ID
}

// A list names visitors: on every node, in waves, at their return and after a start.
func TestBroadcastForAList(t *testing.T) {
	w := newWorld(t, 3)
	d := w.nodes[0].desk()
	var named []chat.VisitorID
	var peers []*peer
	for who := range byte(8) {
		p := w.nodes[int(who)%3].visitor(who)
		p.send(chat.ConversationUUID{}, fmt.Sprint(who))
		if peers = append(peers, p); who%2 == 0 {
			named = append(named, w.idOf(who))
		}
	}
	peers[6].leave()
	newcomer := w.nodes[1].visitor(20)
	list := func(text string) broadcast.Content {
		c := everybody(text)
		c.Audience = broadcast.Audience{Kind: broadcast.Listed, List: broadcast.ListOf(append([]chat.VisitorID{5}, named...))}
		return c
	}
	c := list("for the named")
	newcomer.until("three of the named are online", func() bool {
		n, err := d.Count(t.Context(), shop, c.Audience)
		return err == nil && n.Visitors == 4 && n.Online == 3 && n.Unknown == 1
	})
	b := d.say(c)
	if a := b.Content.Audience; b.Expected != 4 || a.Size != 5 || a.Unknown != 1 {
		t.Errorf("it is for %d, %+v", b.Expected, a)
	}
	waves := list("in waves")
	waves.Waves, waves.WaveSeconds = 2, 60
	second := d.say(waves)
	if err := d.Run(t.Context(), d.queue.jobs[fmt.Sprint(second.ID)]); err != nil {
		t.Fatal(err)
	}
	later := w.nodes[2].visitor(6)
	later.shows("for the named", "in waves")
	late := w.make()
	w.start(late) // it has to read what the others have told already
	for i, p := range peers {
		p.until("the last entry", func() bool { _, at := p.words(); return i == 6 || at.N == 3 })
		switch {
		case i == 6:
		case i%2 == 0:
			p.shows("for the named", "in waves")
			late.visitor(byte(i)).shows("for the named", "in waves")
		default:
			p.shows()
			late.visitor(byte(i)).shows()
		}
	}
	newcomer.until("the last entry", func() bool { _, at := newcomer.words(); return at.N == 3 })
	newcomer.shows()
	d.counts(b, 4, 0)
	d.counts(second, 4, 0)
	d.withdraw(b)
	later.shows("in waves")
	if lists := w.lists.Load(); lists > 2*4 { // two broadcasts, once on each node
		t.Errorf("the lists were read %d times", lists)
	}
}

func TestBroadcastGoesInWaves(t *testing.T) {
	w := newWorld(t, 2)
	d := w.nodes[0].desk()
	var all []*peer
	for i := range byte(24) {
		all = append(all, w.nodes[i%2].visitor(i))
	}
	c := everybody("wave")
	c.Waves, c.WaveSeconds = 3, 60
	b := d.say(c)
	got := func() (n int64) {
		for _, p := range all {
			p.mu.Lock()
			if words, _ := p.words(); len(words) == 1 {
				n++
			}
			p.mu.Unlock()
		}
		return n
	}
	before := int64(0)
	for wave := 1; wave <= 3; wave++ {
		for _, p := range all {
			p.until("the next wave", func() bool { _, at := p.words(); return at.N == int64(wave) })
		}
		now := got()
		if now <= before || wave < 3 && now == 24 || wave == 3 && now != 24 {
			t.Errorf("after wave %d %d have it, before it %d had", wave, now, before)
		}
		before = now
		d.counts(b, now, 0)
		job := d.queue.jobs[fmt.Sprint(b.ID)]
		if wave == 3 {
			break
		}
		late := w.nodes[0].visitor(byte(100 + wave)) // a newcomer between two waves
		for range 2 {                                // twice at once, as on two nodes
			if err := d.Run(t.Context(), job); err != nil {
				t.Fatal(err)
			}
		}
		late.until("the next wave", func() bool { _, at := late.words(); return at.N == int64(wave)+1 })
		late.shows()
	}
	if now, err := d.One(t.Context(), shop, b.ID); err != nil || now.State != broadcast.Published || now.Wave != 3 {
		t.Errorf("after all waves it is %+v, %v", now, err)
	}
}

// Who has not written yet and comes back between two waves, to another node, gets its own.
func TestWavesComeToWhoCameBack(t *testing.T) {
	w := newWorld(t, 2)
	d := w.nodes[0].desk()
	c := everybody("wave")
	c.Waves, c.WaveSeconds = 2, 60
	var here []*peer
	for who := range byte(8) {
		here = append(here, w.nodes[0].visitor(who))
	}
	b := d.say(c)
	got := map[byte]bool{}
	for who, p := range here {
		p.until("the first wave", func() bool {
			words, at := p.words()
			got[byte(who)] = len(words) == 1
			return at.N == 1
		})
	}
	for who, p := range here {
		at := p.position()
		p.leave()
		here[who] = w.nodes[1].returns(byte(who), at)
	}
	if err := d.Run(t.Context(), d.queue.jobs[fmt.Sprint(b.ID)]); err != nil {
		t.Fatal(err)
	}
	for who, p := range here {
		if got[byte(who)] {
			continue
		}
		p.shows("wave")
	}
	d.counts(b, int64(len(here)), 0)
}
