package live

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// admission bounds the reads for clients that come back: so many at a time, so
// many that wait for their turn, in order, and not for long. Thousands that come
// back at once then do not take the database away from those who write.
type admission struct {
	atOnce, queue int
	patience      time.Duration
	longest       time.Duration // of the pauses that are advised

	mu      sync.Mutex // a leaf
	inside  int
	waiting []chan struct{}
	took    time.Duration // by a read lately, on average
}

func (a *admission) init(c Config) {
	a.atOnce, a.queue, a.patience = c.ResumesAtOnce, c.ResumesWaiting, c.ResumeWithin
	a.longest = time.Duration(c.BackoffMax) * time.Millisecond
}

// enter waits for a turn; leave ends it. Where there is none, leave is nil and
// pause is after how long to try again.
func (a *admission) enter(ctx context.Context) (leave func(), pause time.Duration) {
	a.mu.Lock()
	if a.inside < a.atOnce {
		a.inside++
		a.mu.Unlock()
		return a.turn(), 0
	}
	if len(a.waiting) >= a.queue {
		defer a.mu.Unlock()
		return nil, a.pauseLocked()
	}
	mine := make(chan struct{})
	a.waiting = append(a.waiting, mine)
	a.mu.Unlock()
	timer := time.NewTimer(a.patience)
	defer timer.Stop()
	select {
	case <-mine:
		return a.turn(), 0
	case <-timer.C:
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := slices.Index(a.waiting, mine); i >= 0 {
		a.waiting = slices.Delete(a.waiting, i, i+1)
		return nil, a.pauseLocked()
	}
	return a.turn(), 0 // it came at the last moment
}

// turn is what ends the turn that begins now, and hands it on.
func (a *admission) turn() (leave func()) {
	begun := time.Now()
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.took += (time.Since(begun) - a.took) / 8
		if len(a.waiting) == 0 {
			a.inside--
			return
		}
		close(a.waiting[0])
		a.waiting = a.waiting[1:]
	}
}

// The pauses that are advised are spread, so that those who were refused together
// do not come together.
const leastPause = 500 * time.Millisecond

// pauseLocked is when there may be room: once those who wait have been served.
func (a *admission) pauseLocked() time.Duration {
	busy := min(a.took*time.Duration(len(a.waiting)+1)/time.Duration(a.atOnce), a.longest/2)
	return min(leastPause+busy+rand.N(busy+leastPause), a.longest)
}

// resuming bounds a read for a client that came back; without room it answers
// "busy" to request r, and leave is nil.
func (s *Session) resuming(r int64) (leave func()) {
	leave, pause := s.hub.resumes.enter(s.hub.ctx)
	if leave == nil {
		e := wire.ErrorOf(chat.Busy, "too many come back at once: try again after the pause", chat.ClientID{}, r)
		e.RetryAfter = int(pause.Milliseconds())
		s.send(e)
	}
	return leave
}
