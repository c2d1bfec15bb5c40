package live

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/wire"
)

// Drain says how a node lets its sessions go.
type Drain struct {
	// Delay is how long the node still accepts sessions after it has said that it
	// is not ready, so that the load balancer sees it.
	Delay time.Duration
	// Spread is over how long the sessions are then told to move.
	Spread time.Duration
	// Grace is how long whoever was told last has for it (3 s).
	Grace time.Duration
}

const defaultGrace = 3 * time.Second

// Ready tells whether the node may be sent new sessions: from Start to Drain or Close.
func (h *Hub) Ready() bool { return h.started.Load() && !h.leaving.Load() }

// Accepts tells whether a new session would be served: Drain goes on to accept
// them for its delay.
func (h *Hub) Accepts() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.closing
}

// Drain tells all sessions to move to other nodes, one after the other in random
// order, while it serves them; those that are left are closed with "restart".
// It returns when all have ended, or with ctx's error after it has closed them.
func (h *Hub) Drain(ctx context.Context, d Drain) error {
	h.leaving.Store(true)
	if d.Grace <= 0 {
		d.Grace = defaultGrace
	}
	pause(ctx, d.Delay)
	h.mu.Lock()
	h.closing = true
	h.mu.Unlock()
	if d.Spread > 0 {
		var pushes sync.WaitGroup
		pushes.Go(func() { h.sendPushesAway(ctx, d.Spread) })
		h.sendAway(ctx, d)
		pushes.Wait()
	}
	for _, c := range h.everyPushConn() {
		c.leave()
	}
	return h.closeAll(ctx)
}

// sendAway tells everybody to move, evenly over the spread, then those who have said
// hello after their turn, and waits until all have, or for as long as the last has.
func (h *Hub) sendAway(ctx context.Context, d Drain) {
	all := h.everybody()
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	begun := time.Now() // monotonic: a clock that is set does not stretch it
	end := begun.Add(d.Spread + d.Grace)
	told := map[*Session]bool{}
	for i, s := range all {
		at := begun.Add(d.Spread * time.Duration(i) / time.Duration(len(all)))
		if !pause(ctx, time.Until(at)) {
			return
		}
		told[s] = s.move(time.Until(end))
	}
	for ctx.Err() == nil && time.Now().Before(end) {
		left := h.everybody()
		if len(left) == 0 {
			return
		}
		for _, s := range left {
			if !told[s] {
				told[s] = s.move(time.Until(end))
			}
		}
		pause(ctx, drainLook)
	}
}

// sendPushesAway closes those who wait for pushes, evenly over the spread: they have
// no frame that tells them to move.
func (h *Hub) sendPushesAway(ctx context.Context, spread time.Duration) {
	all := h.everyPushConn()
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	begun := time.Now()
	for i, c := range all {
		if !pause(ctx, time.Until(begun.Add(spread*time.Duration(i)/time.Duration(len(all))))) {
			return
		}
		c.leave()
	}
}

// drainLook is how often a draining node looks whether anybody is left.
const drainLook = 20 * time.Millisecond

// move tells a session to go to another node, if it has been greeted by this one.
func (s *Session) move(within time.Duration) (told bool) {
	s.hub.mu.Lock()
	_, stranger := s.hub.strangers[s]
	s.hub.mu.Unlock()
	if !stranger {
		s.send(wire.ServerMove{Within: max(within.Milliseconds(), 1)})
	}
	return !stranger
}

// closeAll closes all sessions with "restart" (come back) until none is left.
func (h *Hub) closeAll(ctx context.Context) error {
	for {
		all := h.everybody()
		if len(all) == 0 {
			return nil
		}
		for _, s := range all {
			s.close(wire.CloseRestart, "the server restarts")
		}
		if !pause(ctx, drainLook) {
			return ctx.Err()
		}
	}
}

// pause waits; false: ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
