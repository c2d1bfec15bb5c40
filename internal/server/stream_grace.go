package server

import (
	"sync"
	"time"
)

// streamKey names a client's line: whose it is, and what the client calls it.
type streamKey struct {
	who  [32]byte
	name string
}

// streams are the sessions that came by a streaming door. One whose request has
// ended stays for a grace, so that nobody is shown as gone who is about to begin
// the next stream, here or on another node.
type streams struct {
	grace time.Duration

	mu      sync.Mutex
	all     map[*stream]*time.Timer // nil: its request is under way
	newest  map[streamKey]*stream   // of those that have said hello
	closing bool
	left    sync.WaitGroup
}

func newStreams(grace time.Duration) *streams {
	return &streams{grace: grace, all: map[*stream]*time.Timer{}, newest: map[streamKey]*stream{}}
}

// add takes a stream in; false when the server stops.
func (s *streams) add(one *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left.Add(1)
	s.all[one] = nil
	return !s.closing
}

// takeOver ends the stream before of the same line.
func (s *streams) takeOver(one *stream) {
	s.mu.Lock()
	before := s.newest[one.begin.key]
	s.newest[one.begin.key] = one
	var grace *time.Timer
	if before != nil {
		grace = s.all[before]
	}
	s.mu.Unlock()
	switch {
	case before == nil || before == one:
	case grace != nil:
		s.expire(before, false)
	default:
		before.conn.Close(renewCode, "another one has taken its place")
	}
}

// ended is the end of a stream's request: its session ends after the grace, or
// at once if another stream has taken its place or nobody is let in.
func (s *streams) ended(one *stream) {
	_, code, _ := one.conn.take()
	s.mu.Lock()
	stay := s.newest[one.begin.key] == one && !s.closing && !staysAway(code)
	if stay {
		grace := time.AfterFunc(s.grace, func() { s.expire(one, true) })
		s.all[one] = grace
		one.conn.silence(func() { grace.Reset(0) })
	}
	s.mu.Unlock()
	if !stay {
		s.expire(one, false)
	}
}

// expire ends a session, once; gone says that its client is not back since long.
func (s *streams) expire(one *stream, gone bool) {
	s.mu.Lock()
	grace, here := s.all[one]
	delete(s.all, one)
	if s.newest[one.begin.key] == one {
		delete(s.newest, one.begin.key)
	}
	s.mu.Unlock()
	if !here {
		return
	}
	if grace != nil {
		grace.Stop()
	}
	one.leave(gone)
	s.left.Done()
}

// shut ends all of them, with a code for those whose request is under way, and
// lets no new one in.
func (s *streams) shut(code uint16, reason string) {
	s.mu.Lock()
	s.closing = true
	var waiting []*stream
	for one, grace := range s.all {
		if grace == nil {
			one.conn.Close(code, reason)
		} else {
			waiting = append(waiting, one)
		}
	}
	s.mu.Unlock()
	for _, one := range waiting {
		s.expire(one, false)
	}
}
