package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
)

const maxPage = 200

// Page implements chat.Store.
func (db *DB) Page(ctx context.Context, q chat.PageQuery) (page chat.Page, err error) {
	if q.Limit < 1 || q.Limit > maxPage {
		return page, fmt.Errorf("a page has 1 to %d events: %d were asked for", maxPage, q.Limit)
	}
	if db.replica != nil && q.After == nil && q.Before > 0 {
		if page, ok := db.replica.page(ctx, db, q); ok {
			return page, nil
		}
	}
	err = db.readers.use(ctx, "page", func(h *hot) error {
		page, err = pageFrom(h, q, func(chat.State) bool { return true })
		return err
	})
	return page, err
}

// pageFrom reads a page and its head in one transaction. It stops at a head that
// is not good enough.
func pageFrom(h *hot, q chat.PageQuery, enough func(chat.State) bool) (page chat.Page, err error) {
	r := pager{h: h, q: q}
	if r.state, err = h.head(q.Conversation); err != nil {
		return page, err
	}
	if !enough(r.state) {
		return page, errBehind
	}
	if page, err = r.page(); err != nil {
		return page, err
	}
	page.State = r.state
	return page, r.fillTargets(page.Events)
}

// pager reads one page within a transaction.
type pager struct {
	h     *hot
	q     chat.PageQuery
	state chat.State
}

func (r *pager) page() (chat.Page, error) {
	if r.q.After == nil {
		return r.before(r.q.Before)
	}
	after := *r.q.After
	last, tag, first := r.state.Seq, r.state.Tag, r.state.FirstSeq
	if r.q.Public {
		last, tag, first = r.state.PublicSeq, r.state.PublicTag, r.state.FirstPublicSeq
	}
	switch {
	case after.Number > last || after.Number < 0 || (after.Number == 0 && after.Tag != 0):
		return r.reset()
	case after.Number == last && last > 0:
		if after.Tag != tag {
			return r.reset()
		}
		return chat.Page{}, nil
	case after.Number < first && first > 1:
		page, _, err := r.from(first, 0)
		page.Truncated = true
		return page, err
	case after.Number == 0:
		page, _, err := r.from(1, 0)
		return page, err
	}
	page, found, err := r.from(after.Number, 1)
	if err == nil && (found == nil || found.Tag != after.Tag) {
		return r.reset()
	}
	return page, err
}

// reset is for a position of another log: the newest page.
func (r *pager) reset() (chat.Page, error) {
	page, err := r.before(0)
	page.Reset = true
	return page, err
}

// from reads events with numbers from number on. The first skip ones are only
// looked at: the event of the position itself.
func (r *pager) from(number int64, skip int) (page chat.Page, skipped *chat.Event, err error) {
	where := "e.seq >= ?"
	args := []int64{number}
	if r.q.Public { // public_seq ≤ seq: what is wanted cannot lie before seq = number
		where += " AND e.public = 1 AND e.public_seq >= ?"
		args = append(args, number)
	}
	events, err := r.read(where+" ORDER BY e.seq", args, r.q.Limit+skip+1)
	if err != nil {
		return page, nil, err
	}
	if skip > 0 && len(events) > 0 {
		if first := events[0]; r.number(&first) == number {
			skipped, events = &first, events[1:]
		}
	}
	if len(events) > r.q.Limit {
		events, page.More = events[:r.q.Limit], true
	}
	page.Events = events
	return page, skipped, nil
}

// before reads the newest events with numbers below number; 0: of all.
func (r *pager) before(number int64) (page chat.Page, err error) {
	where := "e.seq <= ?"
	args := []int64{r.state.Seq}
	if number > 0 {
		args = []int64{number - 1}
	}
	if r.q.Public {
		where += " AND e.public = 1"
		if number > 0 { // a public number lies at most all that is not public behind its seq
			args = []int64{number + r.state.Seq - r.state.PublicSeq, number}
			where += " AND e.public_seq < ?"
		}
	}
	events, err := r.read(where+" ORDER BY e.seq DESC", args, r.q.Limit+1)
	if err != nil {
		return page, err
	}
	if len(events) > r.q.Limit {
		events, page.More = events[:r.q.Limit], true
	}
	slices.Reverse(events)
	page.Events = events
	return page, nil
}

func (r *pager) number(e *chat.Event) int64 {
	if r.q.Public {
		return e.PublicSeq
	}
	return e.Seq
}

func (r *pager) read(where string, args []int64, limit int) (events []chat.Event, err error) {
	query := "SELECT " + of("e", eventColumns) + " FROM event e WHERE e.conversation = ? AND " + where + " LIMIT ?"
	r.h.arg(int64(r.q.Conversation))
	r.h.ints(args...)
	r.h.arg(int64(limit))
	err = r.h.query(query, func(row scanner) error {
		var e chat.Event
		if err := row.Scan(scanEvent(&e)...); err != nil {
			return err
		}
		events = append(events, e)
		return nil
	})
	return events, err
}

// fillTargets gives edits and recalls what they changed, as it is now.
func (r *pager) fillTargets(events []chat.Event) error {
	wanted := map[int64]*chat.Event{}
	refs := make([]int64, len(events))
	for i := range events {
		e := &events[i]
		if e.Kind != chat.Edit && e.Kind != chat.Recall {
			continue
		}
		ref, err := e.Body.TargetRef()
		if err != nil {
			return fmt.Errorf("event %d: %w", e.Seq, err)
		}
		refs[i], wanted[ref.Seq] = ref.Seq, nil
	}
	if len(wanted) == 0 {
		return nil
	}
	args := make([]int64, 0, len(wanted))
	for seq := range wanted {
		args = append(args, seq)
	}
	targets, err := r.read("e.seq IN ("+places(len(args))+")", args, len(args))
	if err != nil {
		return err
	}
	for i := range targets {
		wanted[targets[i].Seq] = &targets[i]
	}
	for i := range events {
		events[i].Target = wanted[refs[i]]
	}
	return nil
}
