package webhook

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/kefu-chat/kefu/internal/outbound"
)

// schedule is how long after each failed try the next one is: 72 hours in all.
func schedule() []time.Duration {
	return []time.Duration{
		5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour,
		3 * time.Hour, 7 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24*time.Hour + 17*time.Minute + 25*time.Second,
	}
}

// MaxTries is after how many tries of one message its webhook is paused.
func MaxTries() int { return len(schedule()) + 1 }

// longest bounds the wait that an answer may ask for.
const longest = 24 * time.Hour

// pauseAfter is how long the next try waits after the n-th failed one, from 1: up to a
// tenth longer, so that what failed together does not come back together. An answer that
// says when to come back is listened to. 0: there is no next try.
func pauseAfter(n int, answer *outbound.Answer) time.Duration {
	pauses := schedule()
	if n > len(pauses) {
		return 0
	}
	wait := pauses[n-1]
	if answer != nil && (answer.Status == http.StatusTooManyRequests || answer.Status == http.StatusServiceUnavailable) {
		seconds, err := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 64)
		if err == nil || errors.Is(err, strconv.ErrRange) {
			wait = max(wait, time.Duration(min(seconds, uint64(longest/time.Second)))*time.Second)
		}
	}
	return wait + rand.N(wait/10) //nolint:gosec // spread, no secret
}
