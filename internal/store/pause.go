package store

import (
	"sync/atomic"
	"time"
)

// pause is a rest that ends at a moment.
type pause struct{ until atomic.Int64 }

func (p *pause) rest(until time.Time) { p.until.Store(until.UnixMilli()) }

func (p *pause) resting(now time.Time) bool { return now.UnixMilli() < p.until.Load() }
