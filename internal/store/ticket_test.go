package store

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/legacy"
)

// TestTickets: one in an address works once, on whichever node, also when two show
// it together; one in a cookie until it ends.
func TestTickets(t *testing.T) {
	everywhere(t, func(t *testing.T, clock *atomic.Int64, nodes ...*DB) {
		add := func(ticket legacy.Ticket) []byte {
			t.Helper()
			_, hash := legacy.NewTicket()
			ends, err := nodes[0].AddTicket(t.Context(), hash, ticket, legacy.TicketLasts)
			if err != nil || ends != chat.Millis(clock.Load()+30_000) {
				t.Fatalf("ends at %d, %v", ends, err)
			}
			return hash
		}
		take := func(hash []byte) (legacy.Ticket, error) { return nodes[len(nodes)-1].TakeTicket(t.Context(), hash) }
		good := legacy.Ticket{Site: 7, Door: legacy.ChatDoor, Name: "爱丽丝 "}
		hash := add(good)
		var all sync.WaitGroup
		var taken atomic.Int32
		for i := range 8 {
			all.Go(func() {
				got, err := nodes[i%len(nodes)].TakeTicket(t.Context(), hash)
				switch {
				case err == nil && got.Name == good.Name && got.Site == 7 && got.Door == legacy.ChatDoor:
					taken.Add(1)
				case chat.CodeOf(err) != chat.NotFound:
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
		all.Wait()
		if taken.Load() != 1 {
			t.Errorf("taken %d times, want once", taken.Load())
		}
		late := add(good)
		good.Reusable = true
		cookie := add(good)
		for range 2 {
			if got, err := take(cookie); err != nil || !got.Reusable {
				t.Errorf("the cookie's: %+v, %v", got, err)
			}
		}
		clock.Add(legacy.TicketLasts.Milliseconds() + int64(time.Second/time.Millisecond))
		for _, hash := range [][]byte{late, cookie} {
			if _, err := take(hash); chat.CodeOf(err) != chat.NotFound {
				t.Errorf("after its end: %v", err)
			}
		}
		if n, err := nodes[0].ForgetTickets(t.Context(), 10); err != nil || n != 2 {
			t.Fatal(n, err)
		}
		var left int
		if err := nodes[0].read.NewRaw("SELECT COUNT(*) FROM ticket").Scan(t.Context(), &left); err != nil || left != 0 {
			t.Errorf("%d left, %v", left, err)
		}
	})
}

// TestTicketsOfARevokedKey: on no node are they good, neither once nor in a cookie;
// those of other keys, and of none, stay.
func TestTicketsOfARevokedKey(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *atomic.Int64, nodes ...*DB) {
		const site, old, kept, unknown = 7, 11, 12, 13
		for i, id := range []int64{old, kept} {
			if err := nodes[0].InsertKey(t.Context(), identity.Key{ID: id, Site: site, Scopes: []identity.Scope{identity.LegacyScope}}, []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		tickets := map[string][]byte{}
		for name, key := range map[string]int64{"old": old, "kept": kept, "unknown": unknown, "none": 0} {
			for _, reusable := range []bool{false, true} {
				shown, hash := legacy.NewTicket()
				ticket := legacy.Ticket{Site: site, Door: legacy.PushDoor, Name: shown, Reusable: reusable, Key: key}
				if _, err := nodes[0].AddTicket(t.Context(), hash, ticket, legacy.TicketLasts); err != nil {
					t.Fatal(err)
				}
				tickets[fmt.Sprint(name, reusable)] = hash
			}
		}
		last := nodes[len(nodes)-1]
		if err := nodes[0].RevokeKey(t.Context(), site, old, 1); err != nil {
			t.Fatal(err)
		}
		for name, hash := range tickets {
			got, err := last.TakeTicket(t.Context(), hash)
			switch good := strings.HasPrefix(name, "kept") || strings.HasPrefix(name, "none"); {
			case good && err != nil, !good && chat.CodeOf(err) != chat.NotFound:
				t.Errorf("%s: %+v, %v", name, got, err)
			case strings.HasPrefix(name, "kept") && got.Key != kept:
				t.Errorf("%s is of the key %d", name, got.Key)
			}
		}
		many := []int64{kept}
		for id := range int64(1200) {
			many = append(many, 1000+id)
		}
		for _, ids := range [][]int64{{kept}, {old, kept, unknown}, many} {
			want := len(ids) - 1
			if revoked, err := last.RevokedKeys(t.Context(), ids); err != nil || len(revoked) != want || slices.Contains(revoked, int64(kept)) {
				t.Errorf("of %d keys %d are revoked (%v), want %d", len(ids), len(revoked), err, want)
			}
		}
	})
}
