package server

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// How many histories are read and written at once: one may have 16 MiB of text, and a
// page that reads slowly keeps it here until it is through.
const (
	historiesAtOnce   = 16
	historiesPerPlace = 8 // of one address
	historyWait       = 5 * time.Second
)

// histories answers calls that need much memory, few at once; who comes in addition
// waits a while.
type histories struct {
	places *seats
	slots  chan struct{}
	wait   time.Duration
}

func newHistories() histories {
	return histories{places: newSeats(historiesPerPlace), slots: make(chan struct{}, historiesAtOnce), wait: historyWait}
}

// few is answer, or busy where too many are at it.
func (h histories) few(answer, busy http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		network := whenceOf(r.Context()).network
		if !h.enter(r, network) {
			busy(w, r)
			return
		}
		defer func() {
			<-h.slots
			h.places.leave(network)
		}()
		answer(w, r)
	}
}

func (h histories) enter(r *http.Request, network netip.Prefix) bool {
	if !h.places.take(network) {
		return false
	}
	late := time.NewTimer(h.wait)
	defer late.Stop()
	select {
	case h.slots <- struct{}{}:
		return true
	case <-r.Context().Done():
	case <-late.C:
	}
	h.places.leave(network)
	return false
}

// tooManyHistories says so.
func tooManyHistories(http.ResponseWriter, *http.Request) (any, error) {
	return nil, chat.Refuse("too_many", "too many histories are being read")
}
