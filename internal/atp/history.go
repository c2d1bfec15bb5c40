package atp

import (
	"context"
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/legacy"
)

// maxHistoryBytes bounds the texts of a history.
const maxHistoryBytes = 16 << 20

// Users are the customers' names, online or not, sorted.
func (r *Room) Users(ctx context.Context, site chat.SiteID) ([]string, error) {
	names, err := r.Names.NamesSince(ctx, site, 0)
	if err != nil {
		return nil, err
	}
	users := []string{}
	for _, n := range names {
		if n.Name != legacy.AgentName {
			users = append(users, n.Name)
		}
	}
	slices.Sort(users)
	return users, nil
}

// History are the newest messages in which the name is sender or receiver, the oldest first.
func (r *Room) History(ctx context.Context, site chat.SiteID, name string) ([]legacy.Told, error) {
	if name == legacy.AgentName {
		return r.everything(ctx, site)
	}
	t, err := r.Names.ThreadOf(ctx, site, name)
	if chat.CodeOf(err) == chat.NotFound {
		return []legacy.Told{}, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := r.newest(ctx, t, 0)
	return told(all), err
}

// dated is a message with when it was.
type dated struct {
	told legacy.Told
	at   chat.Millis
}

// newest are the newest messages of a conversation that are not older than since, the newest first.
func (r *Room) newest(ctx context.Context, t legacy.Thread, since chat.Millis) (all []dated, err error) {
	size := 0
	for from, more := int64(0), true; more; {
		page, err := r.Store.Page(ctx, chat.PageQuery{Conversation: t.Conversation, Public: true, Before: from, Limit: pageOf})
		if err != nil {
			return nil, err
		}
		more = page.More && len(page.Events) > 0
		for i := range slices.Backward(page.Events) {
			e := &page.Events[i]
			from = e.PublicSeq
			one, ok := tellEvent(t, e)
			if e.At < since || len(all) == legacy.MaxHistory || size > maxHistoryBytes {
				return all, nil
			}
			if ok {
				all = append(all, dated{one, e.At})
				size += len(one.Text)
			}
		}
	}
	return all, nil
}

// everything is the history of the account that answers: of all conversations, which
// come the last changed first, until what is left cannot be among the newest.
func (r *Room) everything(ctx context.Context, site chat.SiteID) ([]legacy.Told, error) {
	threads, _, err := r.Names.ThreadsSince(ctx, site, 0)
	if err != nil {
		return nil, err
	}
	var all []dated
	oldest := chat.Millis(0) // what is older is not among the newest
	for _, t := range threads {
		if t.Changed+2000 < oldest {
			break
		}
		some, err := r.newest(ctx, t, oldest)
		if err != nil {
			return nil, err
		}
		if all = newestOf(append(all, some...)); len(all) == legacy.MaxHistory {
			oldest = all[len(all)-1].at
		}
	}
	return told(all), nil
}

// newestOf are as many of them as a history has, the newest first.
func newestOf(all []dated) []dated {
	slices.SortStableFunc(all, func(a, b dated) int { return int(b.at - a.at) })
	size := 0
	for i := range all {
		if size += len(all[i].told.Text); i == legacy.MaxHistory || size > maxHistoryBytes {
			return all[:i]
		}
	}
	return all
}

// told turns them round.
func told(all []dated) []legacy.Told {
	out := make([]legacy.Told, 0, len(all))
	for _, d := range slices.Backward(all) {
		out = append(out, d.told)
	}
	return out
}
