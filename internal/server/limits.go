package server

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// rate is a token bucket for each network.
type rate = rateOf[netip.Prefix]

// rateOf is a token bucket for each of those whom K tells apart: so many at once,
// then so many a second. What it refuses does not prolong the refusal. It remembers
// at most maxBuckets; the longest unused is forgotten.
type rateOf[K comparable] struct {
	burst, perSecond float64
	now              func() time.Time

	mu      sync.Mutex
	buckets map[K]*list.Element
	recent  *list.List // of *bucket[K], least recently used first
}

const maxBuckets = 20000

type bucket[K comparable] struct {
	of      K
	missing float64
	at      time.Time
}

func newRate(burst int, perSecond float64, now func() time.Time) *rate {
	return newRateOf[netip.Prefix](burst, perSecond, now)
}

func newRateOf[K comparable](burst int, perSecond float64, now func() time.Time) *rateOf[K] {
	return &rateOf[K]{burst: float64(burst), perSecond: perSecond, now: now, buckets: map[K]*list.Element{}, recent: list.New()}
}

// take takes a token, or says when the next one is there.
func (r *rateOf[K]) take(of K) (wait time.Duration) { return r.takeMany(of, 1) }

// takeMany takes so many tokens, or says when they are there; of more than there ever
// are at once, those.
func (r *rateOf[K]) takeMany(of K, n float64) (wait time.Duration) {
	n = min(n, r.burst)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	e, ok := r.buckets[of]
	if !ok {
		if len(r.buckets) >= maxBuckets {
			oldest := r.recent.Front()
			delete(r.buckets, oldest.Value.(*bucket[K]).of)
			r.recent.Remove(oldest)
		}
		e = r.recent.PushBack(&bucket[K]{of: of, at: now})
		r.buckets[of] = e
	}
	r.recent.MoveToBack(e)
	b := e.Value.(*bucket[K])
	b.missing = max(0, b.missing-max(0, now.Sub(b.at).Seconds())*r.perSecond)
	b.at = now
	if b.missing+n > r.burst {
		return time.Duration((b.missing + n - r.burst) / r.perSecond * float64(time.Second))
	}
	b.missing += n
	return 0
}

// giveBack takes a token back that was taken for nothing.
func (r *rateOf[K]) giveBack(of K) { r.giveBackMany(of, 1) }

func (r *rateOf[K]) giveBackMany(of K, n float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.buckets[of]; ok {
		b := e.Value.(*bucket[K])
		b.missing = max(0, b.missing-min(n, r.burst))
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
