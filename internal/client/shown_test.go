package client

import (
	"fmt"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
)

func (s *stage) show(e happening) error {
	if e.Stopped {
		select {
		case <-s.session.Done():
			return nil
		case <-time.After(patience):
			return fmt.Errorf("the client goes on")
		}
	}
	return eventually(func() string { return cmp.Diff(e.shown, s.shows(e)) })
}

// shows is what the client shows, as far as the step names it.
func (s *stage) shows(e happening) (got shown) {
	conv := s.conversation(e.C)
	mine, theirs, unread := conv.Marks()
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.logs[e.C]
	if e.Log != nil {
		got.Log = []int64{}
		for _, event := range log {
			got.Log = append(got.Log, event.N)
		}
	}
	for _, event := range log {
		if _, named := e.Texts[event.N]; named {
			if got.Texts == nil {
				got.Texts = map[int64]string{}
			}
			got.Texts[event.N] = event.Text + event.Fallback
		}
		if event.Erased && e.Erased != nil {
			got.Erased = append(got.Erased, event.N)
		}
	}
	if e.Outbox != nil {
		got.Outbox = s.outbox()
	}
	if e.Unread != nil {
		got.Unread = &unread
	}
	if e.Mine != nil {
		got.Mine = &mine
	}
	if e.Theirs != nil {
		got.Theirs = &theirs
	}
	s.showsList(e, &got)
	return got
}

func (s *stage) outbox() []outboxed {
	out := []outboxed{}
	s.session.mu.Lock()
	defer s.session.mu.Unlock()
	for _, item := range s.items {
		o := outboxed{ID: item.ID, State: "waiting"}
		switch {
		case item.State == Acked:
			continue
		case item.State == Failed:
			o.State = "failed"
			if item.Refusal != nil {
				o.Code = item.Refusal.Code
			}
		case item.c.under == item:
			o.State = "sending"
		}
		out = append(out, o)
	}
	return out
}

func (s *stage) showsList(e happening, got *shown) {
	if e.View == "" {
		return
	}
	rows, counts, _ := s.lists.View(e.View)
	if e.Rows != nil {
		got.Rows = []chat.ConversationUUID{}
		for _, c := range e.Rows { // in the script's order
			if _, ok := rows[c]; ok {
				got.Rows = append(got.Rows, c)
				delete(rows, c)
			}
		}
		for c := range rows {
			got.Rows = append(got.Rows, c)
		}
	}
	if e.Versions != nil {
		rows, _, _ := s.lists.View(e.View)
		got.Versions = map[chat.ConversationUUID]int64{}
		for c, row := range rows {
			got.Versions[c] = row.V
		}
	}
	if e.Counts != nil {
		got.Counts = &counts
	}
}
