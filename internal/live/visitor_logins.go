package live

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

// who says who it is that sent this to a site: the one place that all doors of the hub ask.
func (h *Hub) who(ctx context.Context, on site.Site, sent identity.Sent) (identity.VisitorEntry, error) {
	return h.VisitorLogins.Who(ctx, on, sent)
}

// loggedIn are the sessions here that came in by a verified visitor's log-in: they end with it.
type loggedIn struct {
	mu  sync.Mutex // a leaf
	all map[int64]map[*Session]bool
}

// add notes by which log-in a session came in; 0: by none.
func (l *loggedIn) add(login int64, s *Session) {
	if login == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[int64]map[*Session]bool{}
	}
	if l.all[login] == nil {
		l.all[login] = map[*Session]bool{}
	}
	l.all[login][s] = true
}

func (l *loggedIn) remove(login int64, s *Session) {
	if login == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if delete(l.all[login], s); len(l.all[login]) == 0 {
		delete(l.all, login)
	}
}

func (l *loggedIn) ids() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.all))
}

func (l *loggedIn) none() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all) == 0
}

func (l *loggedIn) of(logins []int64) (sessions []*Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range logins {
		sessions = slices.AppendSeq(sessions, maps.Keys(l.all[id]))
	}
	return sessions
}

// endedVisitors cuts the devices whose log-ins have ended, on whichever node that was asked for.
func (d *healer) endedVisitors() {
	h := d.h
	if h.loggedIn.none() {
		d.visitors = reached{} // whoever comes next is asked for by itself
		return
	}
	ctx, cancel := h.reading()
	defer cancel()
	now := time.Now()
	ended, database, err := h.VisitorLogins.EndedSince(ctx, d.visitors.span(h, now))
	if err == nil && d.visitors.lost(now, database) {
		ended, err = h.VisitorLogins.EndedOf(ctx, h.loggedIn.ids())
	}
	if err != nil {
		d.warn("visitors' log-ins that ended could not be read", err)
		return
	}
	d.visitors.to(now, database)
	for _, s := range h.loggedIn.of(ended) {
		s.send(wire.ErrorOf(wire.LogInEnded, "this log-in was revoked", chat.ClientID{}, 0))
		s.close(wire.CloseRevoked, string(wire.LogInEnded))
	}
}

// turnAway answers a hello whose sender is not let in.
func (s *Session) turnAway(err error) {
	var refusal *chat.Refusal
	if errors.As(err, &refusal) {
		s.refuse(refusal.Code, refusal.Reason)
		return
	}
	s.fail(err, chat.ClientID{}, 0)
	s.end(wire.CloseTryLater, "the visitor could not be looked up")
}
