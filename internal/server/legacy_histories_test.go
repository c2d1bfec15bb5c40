package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// TestFewHistoriesAtOnce: an address has so many of them, all have so many more, and who
// waited too long is told so; each one that ends makes room.
func TestFewHistoriesAtOnce(t *testing.T) {
	h := histories{places: newSeats(2), slots: make(chan struct{}, 3), wait: time.Millisecond}
	begun, end := make(chan struct{}, 3), make(chan struct{})
	door := h.few(func(w http.ResponseWriter, _ *http.Request) {
		begun <- struct{}{}
		<-end
		w.WriteHeader(http.StatusOK)
	}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	ask := func(address string) int {
		from := whence{network: netip.PrefixFrom(netip.MustParseAddr(address), 32)}
		w := httptest.NewRecorder()
		door(w, httptest.NewRequestWithContext(context.WithValue(t.Context(), whenceKey{}, from), http.MethodGet, "/", nil))
		return w.Code
	}
	var all sync.WaitGroup
	for _, address := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.2"} {
		all.Go(func() {
			if status := ask(address); status != http.StatusOK {
				t.Errorf("%s: %d", address, status)
			}
		})
	}
	for range 3 {
		<-begun
	}
	for _, address := range []string{"192.0.2.1", "192.0.2.3"} {
		if status := ask(address); status != http.StatusTooManyRequests {
			t.Errorf("one more of %s: %d, want 429", address, status)
		}
	}
	close(end)
	all.Wait()
	for range 3 {
		if status := ask("192.0.2.1"); status != http.StatusOK {
			t.Errorf("afterwards: %d", status)
		}
	}
}
