package scenario

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/test/checker"
)

// A node is asked to stop while visitors write: each is greeted by another node
// before it leaves this one, and none sees its connection lost.
func TestVisitorsMoveBeforeANodeStops(t *testing.T) {
	const visitors, each = 8, 40
	c := newCluster(t, pairs()[0], 2, "--drain-delay=500ms", "--drain-spread=1s")
	door := newBalancer(t)
	door.lead(c.nodes[0].address)
	var moved, lost atomic.Int64
	var all []*client.Visitor
	for i := range visitors {
		v := c.visitor(fmt.Sprint("visitor ", i), client.NewSecret(), client.Observer{
			Moved: func() { moved.Add(1) }, Lost: func(uint16, error) { lost.Add(1) },
		}, func(cfg *client.Config) {
			cfg.URL = "ws://" + door.address() + "/ws/v1/visitor"
			cfg.Header = http.Header{"Origin": {"http://" + door.address()}}
		})
		<-v.Send(fmt.Sprint("before, of ", i)).Done()
		all = append(all, v)
	}
	door.lead(c.nodes[1].address) // the other one is ready
	stopped := make(chan time.Duration, 1)
	go func() {
		begun := time.Now()
		c.nodes[0].stop()
		stopped <- time.Since(begun)
	}()
	items := make([]*client.Item, 0, visitors*each)
	for n := range each {
		for i, v := range all {
			items = append(items, v.Send(fmt.Sprint("message ", n, " of ", i)))
		}
		<-items[len(items)-1].Done()
		<-time.After(30 * time.Millisecond) // as people write, over all of the drain
	}
	for _, item := range items {
		<-item.Done()
		if item.State != client.Acked {
			t.Fatalf("a message became %v: %+v", item.State, item.Refusal)
		}
	}
	if took := <-stopped; took > 10*time.Second {
		t.Errorf("the node took %s to stop", took)
	}
	if moved.Load() != visitors || lost.Load() != 0 {
		t.Errorf("%d of %d moved, %d connections were lost", moved.Load(), visitors, lost.Load())
	}
	for _, v := range all {
		v.Close()
	}
	c.nodes[0].p = nil
	c.stopAll()
	c.mustHold(checker.Expect{Settled: true})
}
