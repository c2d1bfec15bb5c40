package live

import (
	"context"
	"errors"
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

// comesIn notes by which log-in a session came in, with which it ends; 0: by none.
func (s *Session) comesIn(login int64) {
	if login == 0 {
		return
	}
	s.leaveLogin = s.hub.EnrolVisitor(login, func() {
		s.send(wire.ErrorOf(wire.LogInEnded, "this log-in was revoked", chat.ClientID{}, 0))
		s.close(wire.CloseRevoked, string(wire.LogInEnded))
	})
}

// endedVisitors cuts the devices whose log-ins have ended, on whichever node that was asked for.
func (d *healer) endedVisitors() {
	h := d.h
	here := h.loggedIn.keys()
	if len(here) == 0 {
		d.visitors = reached{} // whoever comes next is asked for by itself
		return
	}
	ctx, cancel := h.reading()
	defer cancel()
	now := time.Now()
	since, database, err := h.VisitorLogins.EndedSince(ctx, d.visitors.span(h, now))
	ended := since.Logins
	if err == nil && (len(since.Keys) > 0 || d.visitors.lost(now, database)) {
		ended, err = h.VisitorLogins.EndedOf(ctx, here)
	}
	if err != nil {
		d.warn("visitors' log-ins that ended could not be read", err)
		return
	}
	d.visitors.to(now, database)
	for _, cut := range h.loggedIn.of(ended) {
		cut()
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
