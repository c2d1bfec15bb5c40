package bustest

import (
	"math/rand/v2"
	"sync"

	"github.com/kefu-chat/kefu/internal/bus"
)

// Faults are the probabilities, from 0 to 1, of what a bad network does to a notice.
type Faults struct{ Lose, Repeat, Reorder float64 }

// Worsen is a bus whose notices are lost, repeated or sent after the next one.
func Worsen(b bus.Bus, faults Faults) bus.Bus { return &worse{Bus: b, faults: faults} }

type worse struct {
	bus.Bus
	faults Faults

	mu   sync.Mutex
	held func() // sends the notice that waits for the next one
}

// Publish implements bus.Bus.
func (w *worse) Publish(topic string, notice []byte) {
	if rand.Float64() < w.faults.Lose {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held == nil && rand.Float64() < w.faults.Reorder {
		w.held = func() { w.Bus.Publish(topic, notice) }
		return
	}
	w.Bus.Publish(topic, notice)
	if rand.Float64() < w.faults.Repeat {
		w.Bus.Publish(topic, notice)
	}
	if w.held != nil {
		w.held()
		w.held = nil
	}
}

// Features implements bus.Bus.
func (w *worse) Features() bus.Features {
	f := w.Bus.Features()
	f.Ordered = f.Ordered && w.faults.Reorder == 0
	return f
}
