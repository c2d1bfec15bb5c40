package server

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// rate is a token bucket for each network: so many at once, then so many a
// second. What it refuses does not prolong the refusal. It remembers at most
// maxNetworks; the longest unused is forgotten.
type rate struct {
	burst, perSecond float64
	now              func() time.Time

	mu      sync.Mutex
	buckets map[netip.Prefix]*list.Element
	recent  *list.List // of *bucket, least recently used first
}

const maxNetworks = 20000

type bucket struct {
	network netip.Prefix
	missing float64
	at      time.Time
}

func newRate(burst int, perSecond float64, now func() time.Time) *rate {
	return &rate{burst: float64(burst), perSecond: perSecond, now: now, buckets: map[netip.Prefix]*list.Element{}, recent: list.New()}
}

// take takes a token, or says when the next one is there.
func (r *rate) take(network netip.Prefix) (wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	e, ok := r.buckets[network]
	if !ok {
		if len(r.buckets) >= maxNetworks {
			oldest := r.recent.Front()
			delete(r.buckets, oldest.Value.(*bucket).network)
			r.recent.Remove(oldest)
		}
		e = r.recent.PushBack(&bucket{network: network, at: now})
		r.buckets[network] = e
	}
	r.recent.MoveToBack(e)
	b := e.Value.(*bucket)
	b.missing = max(0, b.missing-max(0, now.Sub(b.at).Seconds())*r.perSecond)
	b.at = now
	if b.missing+1 > r.burst {
		return time.Duration((b.missing + 1 - r.burst) / r.perSecond * float64(time.Second))
	}
	b.missing++
	return 0
}

// giveBack takes a token back that was taken for nothing.
func (r *rate) giveBack(network netip.Prefix) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.buckets[network]; ok {
		b := e.Value.(*bucket)
		b.missing = max(0, b.missing-1)
	}
}

// seats counts the live sessions of each network.
type seats struct {
	most int

	mu    sync.Mutex
	taken map[netip.Prefix]int
}

func newSeats(most int) *seats { return &seats{most: most, taken: map[netip.Prefix]int{}} }

// take takes a seat, if one is free; leave gives it back.
func (s *seats) take(network netip.Prefix) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[network] >= s.most {
		return false
	}
	s.taken[network]++
	return true
}

func (s *seats) leave(network netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[network]--; s.taken[network] <= 0 {
		delete(s.taken, network)
	}
}
