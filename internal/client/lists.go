package client

import (
	"sync"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// Lists is an agent's copy of the rows that it watches. Put its methods List
// and Rows into the Observer.
type Lists struct {
	me      chat.AgentID
	changed chan struct{}

	mu     sync.Mutex
	rows   map[chat.ConversationUUID]wire.Row
	counts wire.Counts
}

// NewLists makes an empty copy for an agent.
func NewLists(me chat.AgentID) *Lists {
	return &Lists{me: me, changed: make(chan struct{}), rows: map[chat.ConversationUUID]wire.Row{}}
}

// List takes a snapshot: what it does not hold is not in the view any more.
func (l *Lists) List(s *wire.ServerList) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.After.IsNil() && !s.More {
		for c, row := range l.rows {
			if l.in(row, s.View) {
				delete(l.rows, c)
			}
		}
	}
	for _, row := range s.Rows {
		l.put(row)
	}
	l.counts = s.Counts
	l.tell()
}

// Rows takes changes.
func (l *Lists) Rows(r *wire.ServerRows) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, row := range r.Put {
		l.put(row)
	}
	for _, c := range r.Drop {
		delete(l.rows, c)
	}
	l.counts = r.Counts
	l.tell()
}

func (l *Lists) put(row wire.Row) {
	if old, ok := l.rows[row.C]; !ok || row.V >= old.V {
		l.rows[row.C] = row
	}
}

func (l *Lists) tell() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *Lists) in(row wire.Row, view chat.View) bool {
	switch view {
	case chat.ViewWaiting:
		return row.Round.State == chat.Waiting
	case chat.ViewMine:
		return row.Round.State == chat.Assigned && row.Round.Agent != nil && row.Round.Agent.ID == l.me
	case chat.ViewOpen:
		return row.Round.State.Open()
	case chat.ViewResolved:
		return row.Round.State == chat.Resolved
	}
	return false
}

// View are the rows of a view, in no order, the counts, and a channel that is
// closed with the next change.
func (l *Lists) View(view chat.View) (map[chat.ConversationUUID]wire.Row, wire.Counts, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[chat.ConversationUUID]wire.Row{}
	for c, row := range l.rows {
		if l.in(row, view) {
			out[c] = row
		}
	}
	return out, l.counts, l.changed
}
