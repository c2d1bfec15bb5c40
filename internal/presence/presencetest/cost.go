package presencetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
)

// Cost measures a place with 100,000 visitors of one site on three nodes, all of
// which show it to agents and follow 1,000 of its visitors by id.
func Cost(b *testing.B, e Engine) {
	const all, nodes = 100_000, 3
	site := newSite()
	want := presence.Want{Site: site}
	for i := range 1000 {
		want.Visitors = append(want.Visitors, idOf(site, i*100+1))
	}
	var shared []*presence.Shared
	for i := range nodes {
		s := presence.NewShared(e.Place(b), presence.SharedConfig{Node: fmt.Sprintf("c%d-%d", i, site), Every: time.Hour, Lease: time.Hour, Timeout: time.Minute})
		b.Cleanup(s.Close)
		shared = append(shared, s)
	}
	sync := func(b *testing.B, s *presence.Shared) {
		if err := s.Sync(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Now()
	for i := range all {
		v := crowded(site, i)
		shared[i%nodes].SetVisitor(v)
		if i%20 == 0 { // some have a tab on another node, too
			shared[(i+1)%nodes].SetVisitor(v)
		}
	}
	for _, s := range shared {
		s.Renew([]presence.Want{want})
		for tries := 0; tries < 5; tries++ {
			sync(b, s)
		}
	}
	b.Logf("100,000 visitors told by three nodes in %s", time.Since(began).Round(time.Millisecond))
	for _, s := range shared {
		sync(b, s)
		if s.Count(site) != all {
			b.Fatalf("%d are counted, want %d", s.Count(site), all)
		}
	}
	b.Run("tick at rest", func(b *testing.B) {
		for b.Loop() {
			sync(b, shared[0])
		}
	})
	next := 0
	b.Run("tick with 1000 changes", func(b *testing.B) {
		for b.Loop() {
			for range 1000 {
				next += nodes
				v := crowded(site, next%all/nodes*nodes)
				v.Page = &presence.Page{URL: fmt.Sprint("https://shop.example/", next)}
				shared[0].SetVisitor(v)
			}
			sync(b, shared[0])
		}
	})
	b.Run("tick while others change 2000", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			for _, other := range []int{1, 2} {
				for range 1000 {
					next += nodes
					v := crowded(site, next%all/nodes*nodes+other)
					v.Page = &presence.Page{URL: fmt.Sprint("https://shop.example/", next)}
					shared[other].SetVisitor(v)
				}
				sync(b, shared[other])
			}
			b.StartTimer()
			sync(b, shared[0])
		}
	})
	b.Run("page of 500", func(b *testing.B) {
		for b.Loop() {
			if page, _ := shared[0].Visitors(site, 500); len(page) != 500 {
				b.Fatalf("a page of %d", len(page))
			}
		}
	})
	b.Run("count", func(b *testing.B) {
		for b.Loop() {
			shared[0].Count(site)
		}
	})
	asked := 0
	b.Run("look up 100", func(b *testing.B) {
		for b.Loop() {
			ids := make([]chat.VisitorID, 100)
			for i := range ids {
				asked++
				ids[i] = idOf(site, asked*2%all+1)
			}
			shared[0].Learn(context.Background(), site, ids)
		}
	})
}

// crowded is one of so many visitors that a key has to be longer.
func crowded(site chat.SiteID, i int) *presence.Visitor {
	v := visitor(site, i, presence.Online)
	v.Key[15] = byte(i >> 16)
	return v
}
