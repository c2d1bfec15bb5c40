package presence

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// slowPlace is through with so many sites in the time that an exchange has, and
// keeps how many visitors of each site were told.
type slowPlace struct {
	sites int
	down  atomic.Bool
	told  map[chat.SiteID]int
}

func (p *slowPlace) Exchange(_ context.Context, ask *Ask) (*Answer, error) {
	if p.down.Load() || len(ask.Sites) > p.sites {
		return nil, context.DeadlineExceeded
	}
	answer := &Answer{Sites: make([]SiteAnswer, len(ask.Sites))}
	if ask.Agents != nil {
		answer.Agents = &AgentsAnswer{Revision: 1}
	}
	for i := range ask.Sites {
		s := &ask.Sites[i]
		p.told[s.Site] += len(s.Put)
		answer.Sites[i] = SiteAnswer{Revision: 1, Mine: -1, FedAll: true}
		for _, look := range s.IDs {
			answer.Sites[i].AbsentIDs = append(answer.Sites[i].AbsentIDs, look.ID)
		}
	}
	return answer, nil
}

func (p *slowPlace) Leave(context.Context, string, []chat.SiteID) error { return nil }

func someone(site chat.SiteID, n int, s State) *Visitor {
	v := &Visitor{Site: site, State: s}
	binary.BigEndian.PutUint64(v.Key[:], uint64(n))
	return v
}

func TestManyBusySites(t *testing.T) {
	place := &slowPlace{sites: 32, told: map[chat.SiteID]int{}}
	s := NewShared(place, SharedConfig{Node: "a", Every: time.Hour})
	defer s.Close()
	const all = 500
	for site := range chat.SiteID(all) {
		s.SetVisitor(someone(site, 1, Online))
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	for site := range chat.SiteID(all) {
		if place.told[site] != 1 || len(s.sites[site].pending) != 0 {
			t.Fatalf("of site %d, %d visitors were told, and %d are to be; want all told, once", site, place.told[site], len(s.sites[site].pending))
		}
	}
	// Who is looked up comes first, however much else is due.
	for _, one := range s.sites {
		one.due = true
	}
	const id = 77
	s.Learn(t.Context(), all+1, []chat.VisitorID{id})
	if w := s.sites[all+1].ids[id]; w == nil || !w.known {
		t.Error("nobody was looked up while other sites were due")
	}
}

// TestPlaceIsAwayForLong: what a node keeps for a place that does not answer is
// bounded by who is here, and by whom it follows.
func TestPlaceIsAwayForLong(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	place := &slowPlace{sites: 32, told: map[chat.SiteID]int{}}
	place.down.Store(true)
	s := NewShared(place, SharedConfig{Node: "a", Every: time.Hour, Now: func() time.Time { return now }})
	defer s.Close()
	const site, followed, here = 1, 1000, 10
	want := Want{Site: site}
	for i := range followed {
		want.Visitors = append(want.Visitors, chat.VisitorID(i+1))
	}
	for i := range here {
		s.SetVisitor(someone(site, i, Online))
	}
	for turn := range 100 {
		now = now.Add(time.Second)
		s.Renew([]Want{want})
		for i := range 100 { // they come and go
			s.SetVisitor(someone(site, 1000+100*turn+i, Online))
		}
		if s.Sync(t.Context()) == nil {
			t.Fatal("the place is down, and nobody noticed")
		}
		for i := range 100 {
			s.SetVisitor(someone(site, 1000+100*turn+i, Offline))
		}
		for range 10 {
			s.Learn(t.Context(), site, want.Visitors[:10])
		}
	}
	one := s.sites[site]
	if len(one.turning) > followed+100 || len(one.pending) != here {
		t.Errorf("%d are to be looked up, %d to be told; want at most %d and %d", len(one.turning), len(one.pending), followed+100, here)
	}
	place.down.Store(false)
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(one.turning) != 0 || len(one.pending) != 0 || place.told[site] != here {
		t.Errorf("it answers again: %d are to be looked up, %d to be told, %d were told; want 0, 0, %d", len(one.turning), len(one.pending), place.told[site], here)
	}
}
