package presence_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
)

const shop chat.SiteID = 1

func visitor(n byte, s presence.State) *presence.Visitor {
	v := &presence.Visitor{Site: shop, Key: presence.Key{n}, State: s, Since: chat.Millis(n)}
	if n%2 == 1 {
		v.Conversation.Visitor = chat.VisitorID(n)
	}
	return v
}

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func TestBestOfAllNodesCounts(t *testing.T) {
	m := presence.NewMemory((&clock{}).now)
	a, b := m.On("a"), m.On("b")
	a.SetAgent(7, presence.Away)
	b.SetAgent(7, presence.Online)
	if got := m.Agent(7); got != presence.Online {
		t.Errorf("away here, online there: %s", got)
	}
	b.SetAgent(7, presence.Offline)
	if got := m.Agent(7); got != presence.Away {
		t.Errorf("away here, gone there: %s", got)
	}
	a.SetVisitor(visitor(1, presence.Away))
	b.SetVisitor(visitor(1, presence.Online))
	v, ok := m.ByID(shop, 1)
	if !ok || v.State != presence.Online || m.Count(shop) != 1 {
		t.Errorf("the visitor is %+v, %t, counted %d", v, ok, m.Count(shop))
	}
	if nodes := m.Nodes(shop, 1); len(nodes) != 2 {
		t.Errorf("it is connected to %v, want both nodes", nodes)
	}
	b.SetVisitor(visitor(1, presence.Offline))
	if nodes := m.Nodes(shop, 1); !slices.Equal(nodes, []string{"a"}) {
		t.Errorf("it is connected to %v, want a", nodes)
	}
}

func TestLeaseOfADeadNodeEnds(t *testing.T) {
	c := &clock{at: time.Unix(1000, 0)}
	m := presence.NewMemory(c.now)
	a, dead := m.On("a"), m.On("dead")
	a.Renew(nil)
	dead.SetAgent(7, presence.Online)
	dead.SetVisitor(visitor(1, presence.Online))
	a.SetVisitor(visitor(2, presence.Online))
	_, before := m.Visitors(shop, 10)
	c.at = c.at.Add(presence.LeaseFor + time.Second)
	a.Renew(nil)
	if m.Agent(7) != presence.Offline || m.Count(shop) != 1 {
		t.Errorf("agent %s, %d visitors; want offline and 1", m.Agent(7), m.Count(shop))
	}
	changed, _, known := m.Changed(shop, before)
	if !known || len(changed) != 1 || changed[0].State != presence.Offline {
		t.Errorf("changed: %v, %t; want the one who is gone", changed, known)
	}
}

func TestChangesTooLongAgoAreUnknown(t *testing.T) {
	m := presence.NewMemory((&clock{}).now)
	for i := range 3000 {
		m.On("a").SetVisitor(visitor(2, presence.State(1+i%2)))
	}
	if _, _, known := m.Changed(shop, 1); known {
		t.Error("changes of 3000 revisions ago are known")
	}
	changed, revision, known := m.Changed(shop, 2990)
	if !known || len(changed) != 1 || revision != 3000 {
		t.Errorf("%d changed at %d, %t; want the one visitor at 3000", len(changed), revision, known)
	}
}

// TestFollowingChanges: who takes a snapshot once and follows the changes knows
// what a new snapshot would say, over nodes that come and go.
func TestFollowingChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := presence.NewMemory((&clock{}).now)
		known := map[presence.Key]presence.State{}
		_, revision := m.Visitors(shop, 0)
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				v := visitor(rapid.ByteRange(1, 6).Draw(t, "who"), presence.State(rapid.IntRange(0, 2).Draw(t, "state")))
				m.On(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "node")).SetVisitor(v)
			},
			"leave": func(t *rapid.T) { m.On(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "node")).Leave() },
			"follow": func(t *rapid.T) {
				changed, now, ok := m.Changed(shop, revision)
				if !ok {
					t.Fatal("the changes are unknown")
				}
				revision = now
				for _, v := range changed {
					if v.State == presence.Offline {
						delete(known, v.Key)
					} else {
						known[v.Key] = v.State
					}
				}
				all, _ := m.Visitors(shop, 100)
				want := map[presence.Key]presence.State{}
				for _, v := range all {
					want[v.Key] = v.State
				}
				if fmt.Sprint(known) != fmt.Sprint(want) || m.Count(shop) != int64(len(want)) {
					t.Fatalf("followed to %v, a snapshot says %v, counted %d", known, want, m.Count(shop))
				}
			},
		})
	})
}
