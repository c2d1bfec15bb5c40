package store

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
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
		if err := nodes[0].ForgetTickets(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		var left int
		if err := nodes[0].read.NewRaw("SELECT COUNT(*) FROM ticket").Scan(t.Context(), &left); err != nil || left != 0 {
			t.Errorf("%d left, %v", left, err)
		}
	})
}
