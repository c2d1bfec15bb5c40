package live

import "time"

// bucket is a token bucket in 16 bytes, full at first. Only its session's own
// goroutine touches it.
type bucket struct {
	missing float64
	at      int64 // ms
}

// take takes a token, or says when the next one is there. A refusal takes nothing.
func (b *bucket) take(now time.Time, r Rate) (ok bool, wait time.Duration) {
	ms := now.UnixMilli()
	if ms > b.at {
		b.missing = max(0, b.missing-float64(ms-b.at)*r.PerSecond/1000)
	}
	b.at = ms
	if b.missing+1 <= r.Burst {
		b.missing++
		return true, 0
	}
	return false, time.Duration((b.missing+1-r.Burst)/r.PerSecond*float64(time.Second)) + time.Millisecond
}
