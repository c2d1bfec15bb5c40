// Package bustest is the contract of every bus.
package bustest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/bus"
)

// Run tests two buses of the same cluster that both gives, neither of them started.
func Run(t *testing.T, both func(t *testing.T) (here, there bus.Bus)) {
	t.Run("joined topics only", func(t *testing.T) {
		here, there := both(t)
		heard := listen(t, there)
		listen(t, here)
		there.Join("c/1")
		there.Join("c/1")
		settle(t, here, heard, "c/1")
		here.Publish("c/2", []byte("not joined"))
		here.Publish("c/1", []byte("joined"))
		if got := heard.next(t); got != "c/1 joined" {
			t.Errorf("heard %q, want the notice of the joined topic", got)
		}
	})
	t.Run("not one's own", func(t *testing.T) {
		here, there := both(t)
		mine, heard := listen(t, here), listen(t, there)
		here.Join("all")
		there.Join("all")
		settle(t, here, heard, "all")
		here.Publish("all", []byte("mine"))
		heard.next(t)
		there.Publish("all", []byte("theirs"))
		if got := mine.next(t); got != "all theirs" {
			t.Errorf("heard %q, want the other's notice only", got)
		}
	})
	t.Run("left topics are silent", func(t *testing.T) {
		here, there := both(t)
		heard := listen(t, there)
		listen(t, here)
		there.Join("a/1")
		there.Join("a/2")
		settle(t, here, heard, "a/1")
		there.Leave("a/1")
		there.Leave("a/1")
		there.Leave("never joined")
		there.Join("a/3")
		settle(t, here, heard, "a/3")
		here.Publish("a/1", []byte("left"))
		here.Publish("a/2", []byte("still joined"))
		if got := heard.next(t); got != "a/2 still joined" {
			t.Errorf("heard %q, want nothing of the topic that was left", got)
		}
	})
	t.Run("order", func(t *testing.T) {
		here, there := both(t)
		if !here.Features().Ordered {
			t.Skip("this bus promises no order")
		}
		heard := listen(t, there)
		listen(t, here)
		there.Join("s/1")
		settle(t, here, heard, "s/1")
		for i := range 100 {
			here.Publish("s/1", fmt.Append(nil, i))
		}
		for i := range 100 {
			if got, want := heard.next(t), fmt.Sprint("s/1 ", i); got != want {
				t.Fatalf("heard %q, want %q", got, want)
			}
		}
	})
	t.Run("too big is lost, and harms nobody", func(t *testing.T) {
		here, there := both(t)
		heard := listen(t, there)
		listen(t, here)
		there.Join("all")
		settle(t, here, heard, "all")
		here.Publish("all", make([]byte, bus.MaxNotice+1))
		here.Publish("all", []byte("small"))
		if got := heard.next(t); got != "all small" {
			t.Errorf("heard %d bytes, want the small notice", len(got))
		}
	})
	t.Run("nothing after Close", func(t *testing.T) {
		here, there := both(t)
		heard := listen(t, there)
		listen(t, here)
		there.Join("all")
		settle(t, here, heard, "all")
		there.Close()
		here.Publish("all", []byte("late"))
		heard.mu.Lock()
		defer heard.mu.Unlock()
		if len(heard.notices) > 0 {
			t.Errorf("heard %q after Close", heard.notices)
		}
	})
}

// heard are the notices that came to a bus.
type heard struct {
	mu      sync.Mutex
	notices []string
	news    chan struct{}
}

func listen(t *testing.T, b bus.Bus) *heard {
	t.Helper()
	h := &heard{news: make(chan struct{}, 1)}
	err := b.Start(func(topic string, notice []byte) {
		h.mu.Lock()
		h.notices = append(h.notices, topic+" "+string(notice))
		h.mu.Unlock()
		select {
		case h.news <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return h
}

// next waits for the next notice that is not one of settle's.
func (h *heard) next(t *testing.T) string {
	t.Helper()
	deadline := time.After(5 * time.Second)
	for {
		h.mu.Lock()
		for len(h.notices) > 0 {
			got := h.notices[0]
			h.notices = h.notices[1:]
			if !strings.HasSuffix(got, probe) {
				h.mu.Unlock()
				return got
			}
		}
		h.mu.Unlock()
		select {
		case <-h.news:
		case <-deadline:
			t.Fatal("no notice came in time")
		}
	}
}

const probe = "are you there"

// settle publishes until the join of the other end has taken effect, and tells how often it did.
func settle(t *testing.T, from bus.Bus, to *heard, topic string) (published int64) {
	t.Helper()
	for published < 500 {
		from.Publish(topic, []byte(probe))
		published++
		if to.probed() {
			return published
		}
		select {
		case <-to.news:
			if to.probed() {
				return published
			}
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatal("the topic was not joined in time")
	return published
}

func (h *heard) probed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.notices) == 0 {
		return false
	}
	h.notices = nil
	return true
}
