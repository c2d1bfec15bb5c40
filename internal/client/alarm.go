package client

import "time"

// alarm is a timer that its session waits for.
type alarm struct {
	timer *time.Timer
	s     *Session
}

// after calls f, with s.mu held, after d, and writes the frame that f returns,
// which may be that of an item. Under s.mu; the alarm must be stopped when the
// connection is lost.
func (s *Session) after(d time.Duration, f func() (*Item, []byte)) *alarm {
	a := &alarm{s: s}
	s.alarms.Add(1)
	a.timer = time.AfterFunc(d, func() {
		defer s.alarms.Done()
		s.mu.Lock()
		conn := s.conn
		var item *Item
		var frame []byte
		if s.open {
			item, frame = f()
		}
		s.mu.Unlock()
		s.out(conn, item, frame)
	})
	return a
}

func (a *alarm) stop() {
	if a != nil && a.timer.Stop() {
		a.s.alarms.Done()
	}
}
