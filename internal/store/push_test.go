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
	"github.com/kefu-chat/kefu/internal/push"
)

func order(request, payload string, ids ...string) push.Order {
	return push.Order{Site: 1, Request: request, Payload: payload, IDs: ids}
}

// TestPushesHavePositions: every push is read again, once, in the order of its
// position, and a repeated request makes none.
func TestPushesHavePositions(t *testing.T) {
	everywhere(t, func(t *testing.T, clock *atomic.Int64, nodes ...*DB) {
		add := func(node int, o push.Order) (push.Push, int64) {
			t.Helper()
			p, before, err := nodes[node%len(nodes)].AddPush(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			return p, before
		}
		first, before := add(0, order("a", "hello", "x", "y"))
		if before != 0 || first.Position != clock.Load() {
			t.Errorf("the first push has %d, behind %d: want the clock's %d, behind 0", first.Position, before, clock.Load())
		}
		second, before := add(1, order("b", "界 \\ ? \"$1\""))
		if before != first.Position || second.Position != before+1 {
			t.Errorf("the second push has %d, behind %d", second.Position, before)
		}
		again, _ := add(1, order("a", "hello", "x", "y"))
		if again.Position != first.Position || !slices.Equal(again.IDs, first.IDs) {
			t.Errorf("repeated: %+v, want %+v", again, first)
		}
		if _, _, err := nodes[0].AddPush(t.Context(), order("a", "hello", "x")); chat.CodeOf(err) != chat.ClientIDReused {
			t.Errorf("another push under the same request: %v", err)
		}
		other := order("a", "of another site")
		other.Site = 2
		add(0, other)
		got, err := nodes[len(nodes)-1].PushesAfter(t.Context(), 1, 0, 10)
		if err != nil || len(got) != 2 || got[0].Payload != "hello" || got[1].Payload != second.Payload || got[1].IDs != nil {
			t.Fatalf("read %+v, %v", got, err)
		}
		heads, err := nodes[0].PushHeads(t.Context(), []chat.SiteID{1, 3})
		if err != nil || heads[1] != second.Position || heads[3] != 0 {
			t.Errorf("heads %v, %v", heads, err)
		}
		clock.Add((push.KeptFor + time.Second).Milliseconds())
		third, _ := add(0, order("c", "late", strings.Repeat("é", push.MaxID/2)))
		if n, err := nodes[0].ForgetPushes(t.Context(), push.KeptFor, 100); err != nil || n != 3 {
			t.Errorf("%d forgotten, %v; want 3", n, err)
		}
		got, err = nodes[0].PushesAfter(t.Context(), 1, 0, 10)
		if err != nil || len(got) != 1 || got[0].Position != third.Position || third.Position != clock.Load() {
			t.Errorf("left: %+v, %v", got, err)
		}
	})
}

// TestPushesAtOnce: of many pushes made together on two nodes, whoever reads up to
// a position misses none before it.
func TestPushesAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *atomic.Int64, nodes ...*DB) {
		const each = 30
		var makers, reader sync.WaitGroup
		done := make(chan struct{})
		var seen []int64
		reader.Go(func() {
			last := int64(0)
			for ended := false; ; {
				got, err := nodes[0].PushesAfter(t.Context(), 1, last, 7)
				if err != nil {
					t.Error(err)
					return
				}
				for _, p := range got {
					seen, last = append(seen, p.Position), p.Position
				}
				if len(got) == 0 && ended {
					return
				}
				select {
				case <-done:
					ended = true
				default:
				}
			}
		})
		for i := range 4 {
			makers.Go(func() {
				for n := range each {
					if _, _, err := nodes[i%len(nodes)].AddPush(t.Context(), order(fmt.Sprint(i, "/", n), "x")); err != nil {
						t.Error(err)
					}
				}
			})
		}
		makers.Wait()
		close(done)
		reader.Wait()
		if len(seen) != 4*each {
			t.Errorf("%d pushes were read on, want %d", len(seen), 4*each)
		}
	})
}
