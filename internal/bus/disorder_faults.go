//go:build faults

package bus

import (
	"math/rand/v2"
	"time"

	"github.com/kefu-chat/kefu/internal/faults"
)

// disordered repeats a fifth of the notices that come, and delays another fifth, so
// that later ones overtake them.
type disordered struct{ Bus }

// Disorder is, with "order" switched off, a bus that repeats and reorders what it carries.
func Disorder(b Bus) Bus {
	if faults.Off("order") {
		return disordered{b}
	}
	return b
}

const (
	late     = 500 * time.Millisecond
	waitsFor = 64 // notices that wait, at most
)

// Start implements Bus. What is delayed is handed over in between others, by the
// one goroutine that hands over.
func (d disordered) Start(receive Receive) error {
	type held struct {
		topic  string
		notice []byte
		until  time.Time
	}
	var waiting []held
	return d.Bus.Start(func(topic string, notice []byte) {
		now := time.Now()
		for len(waiting) > 0 && (waiting[0].until.Before(now) || len(waiting) > waitsFor) {
			receive(waiting[0].topic, waiting[0].notice)
			waiting = waiting[1:]
		}
		switch rand.IntN(5) {
		case 0:
			receive(topic, notice)
			receive(topic, notice)
		case 1:
			waiting = append(waiting, held{topic, notice, now.Add(rand.N(late))})
		default:
			receive(topic, notice)
		}
	})
}
