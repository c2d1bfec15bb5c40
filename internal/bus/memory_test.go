package bus_test

import (
	"os"
	"sync/atomic"
	"testing"

	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/bus/bustest"
	"github.com/kefu-chat/kefu/test/engines"
)

func TestMain(m *testing.M) {
	code := engines.Main(m)
	if err := bustest.Leaks(); code == 0 && err != nil {
		panic(err)
	}
	os.Exit(code)
}

func TestMemory(t *testing.T) {
	bustest.Run(t, func(*testing.T) (here, there bus.Bus) {
		n := bus.NewNetwork()
		return n.Bus(), n.Bus()
	})
}

func TestMemoryKnowsWhetherItIsAlone(t *testing.T) {
	n := bus.NewNetwork()
	first := n.Bus()
	if !first.Alone() {
		t.Error("the only bus is not alone")
	}
	second := n.Bus()
	if first.Alone() {
		t.Error("two buses are alone")
	}
	second.Close()
	if !first.Alone() {
		t.Error("the bus that is left is not alone")
	}
	first.Close()
}

// TestMemoryNeverBlocks: a receiver that stands still loses what its queue does not hold.
func TestMemoryNeverBlocks(t *testing.T) {
	n := bus.NewNetwork()
	here, there := n.Bus(), n.Bus()
	hold, came := make(chan struct{}), atomic.Int64{}
	if err := there.Start(func(string, []byte) { <-hold; came.Add(1) }); err != nil {
		t.Fatal(err)
	}
	there.Join("all")
	for range 10_000 {
		here.Publish("all", []byte("x"))
	}
	if there.Stats().Lost == 0 {
		t.Error("10,000 notices fit a queue that is bounded")
	}
	close(hold)
	there.Close()
	here.Close()
}
