package retention_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/retention"
	"github.com/kefu-chat/kefu/internal/site"
)

// house is all that the removal of rounds touches, in memory: conversations of
// site 2 with so many steps to go, of which each removes ten events.
type house struct {
	left    map[chat.ConversationID]int
	age     time.Duration
	told    map[chat.ConversationID]int
	queue   []jobs.Job
	entries []audit.Entry
	broken  error // from so many steps on
	worked  int
	clock   time.Time
	slow    time.Duration // how long a step takes
	asked   int           // how many steps were asked for
	sought  []retention.Place
}

func (h *house) All() []site.Site {
	return []site.Site{{ID: 1}, {ID: 2, Settings: site.Settings{RetainDays: 30}}}
}

func (h *house) ByID(id chat.SiteID) (site.Site, bool) {
	i := slices.IndexFunc(h.All(), func(s site.Site) bool { return s.ID == id })
	if i < 0 {
		return site.Site{}, false
	}
	return h.All()[i], true
}

func (h *house) Cutoff(_ context.Context, age time.Duration) (chat.Millis, error) {
	h.age = age
	return 1, nil
}

func (h *house) OldRounds(_ context.Context, on chat.SiteID, _ chat.Millis, after retention.Place, limit int) (found []retention.Found, err error) {
	h.sought = append(h.sought, after)
	for _, id := range slices.Sorted(maps.Keys(h.left)) {
		if on == 2 && id > after.Conversation && len(found) < limit {
			found = append(found, retention.Found{Place: retention.Place{ResolvedAt: 1, Conversation: id, Number: 1}, Left: h.left[id] > 0})
		}
	}
	return found, nil
}

func (h *house) OldRest(context.Context, chat.SiteID, chat.Millis, chat.ConversationID, int) ([]chat.ConversationID, error) {
	return []chat.ConversationID{9999}, nil // erased meanwhile
}

func (h *house) RemoveOld(_ context.Context, id chat.ConversationID, _ chat.Millis) (s retention.Step, err error) {
	h.asked++
	h.clock = h.clock.Add(h.slow)
	if _, there := h.left[id]; !there {
		return s, chat.Refuse(chat.NotFound, "there is no such conversation")
	}
	if h.worked--; h.broken != nil && h.worked < 0 {
		return s, h.broken
	}
	if h.left[id] == 0 {
		return s, nil
	}
	h.left[id]--
	s.Removed, s.More, s.Conversation.ID = retention.Removed{Events: 10}, h.left[id] > 0, id
	if !s.More {
		s.Removed.Rounds = 1
	}
	return s, nil
}

func (h *house) Shortened(c chat.Conversation, _ chat.State) { h.told[c.ID]++ }
func (h *house) Erased(chat.Conversation, []byte)            {}

func (h *house) Add(_ context.Context, j jobs.Job) error {
	h.queue = append(h.queue, j)
	return nil
}
func (h *house) Cancel(context.Context, string, string) (bool, error) { return false, nil }

func (h *house) Record(_ context.Context, e audit.Entry) error {
	h.entries = append(h.entries, e)
	return nil
}
func (h *house) Entries(context.Context, audit.Query) ([]audit.Entry, error) { return h.entries, nil }

func newHouse(conversations, steps int) (*house, *retention.Rounds) {
	h := &house{left: map[chat.ConversationID]int{}, told: map[chat.ConversationID]int{}, clock: time.UnixMilli(1e12)}
	for i := range conversations {
		h.left[chat.ConversationID(i+1)] = steps
	}
	return h, retention.NewRounds(h, h, h, h, h, func() time.Time { return h.clock }, slog.New(slog.DiscardHandler))
}

// One line in the audit for each run, with sums; each step is told.
func TestARunRemovesAllThatIsOldAndSaysSoOnce(t *testing.T) {
	h, rounds := newHouse(450, 3) // more than are looked for at once
	if err := rounds.Run(t.Context(), jobs.Job{Kind: retention.SiteKind, Key: "2"}); err != nil {
		t.Fatal(err)
	}
	for id, left := range h.left {
		if left != 0 || h.told[id] != 3 {
			t.Fatalf("conversation %d has %d steps left, and was told of %d times", id, left, h.told[id])
		}
	}
	if len(h.entries) != 1 || h.age != 30*24*time.Hour {
		t.Fatalf("%d entries, of an age of %s", len(h.entries), h.age)
	}
	e := h.entries[0]
	want := map[string]string{"days": "30", "conversations": "450", "rounds": "450", "events": strconv.Itoa(450 * 30), "files": "0"}
	if e.What != audit.RoundsRemoved || e.Site != 2 || !maps.Equal(e.Detail, want) {
		t.Errorf("the audit has %+v", e)
	}
	if len(h.queue) != 0 {
		t.Errorf("all is done, and %+v was added", h.queue)
	}
	if err := rounds.Run(t.Context(), jobs.Job{Kind: retention.SiteKind, Key: "2"}); err != nil || len(h.entries) != 1 {
		t.Errorf("nothing was left, and the audit has %d entries, %v", len(h.entries), err)
	}
}

// TestTheNextRunGoesOn where the one before had no more time, and takes up nothing of
// which only what is young is left.
func TestTheNextRunGoesOn(t *testing.T) {
	h, rounds := newHouse(450, 1)
	for id := range h.left {
		if id%2 == 0 {
			h.left[id] = 0
		}
	}
	h.slow = time.Second
	var places []chat.ConversationID
	for j := (jobs.Job{Kind: retention.SiteKind, Key: "2"}); ; {
		h.queue, h.sought = nil, nil
		if err := rounds.Run(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		if len(h.sought) > 0 {
			places = append(places, h.sought[0].Conversation)
		}
		if len(h.queue) == 0 {
			break
		}
		j = h.queue[0]
		if err := j.Check(); err != nil || len(h.queue) > 1 {
			t.Fatalf("the next run is %+v, %v", h.queue, err)
		}
	}
	if !slices.Equal(places, []chat.ConversationID{0, 240}) || h.asked != 226 { // and the one that is gone
		t.Errorf("the runs began behind %v, and asked for %d steps", places, h.asked)
	}
	for id, left := range h.left {
		if left != 0 {
			t.Errorf("conversation %d has %d steps left", id, left)
		}
	}
}

// What was removed before something broke is in the audit.
func TestABrokenRunSaysWhatItRemoved(t *testing.T) {
	h, rounds := newHouse(2, 1)
	h.broken, h.worked = errors.New("the database is away"), 1
	if err := rounds.Run(t.Context(), jobs.Job{Kind: retention.SiteKind, Key: "2"}); !errors.Is(err, h.broken) {
		t.Errorf("the run ended with %v", err)
	}
	if len(h.entries) != 1 || h.entries[0].Detail["events"] != "10" {
		t.Errorf("the audit has %+v", h.entries)
	}
}

// Only sites that keep nothing for ever get a job, each one of its own; those are
// looked for again in an hour.
func TestThePlanIsForSitesThatRemove(t *testing.T) {
	h, rounds := newHouse(1, 1)
	if err := rounds.Plan(t.Context(), jobs.Job{}); err != nil {
		t.Fatal(err)
	}
	if len(h.queue) != 2 || h.queue[0].Kind != retention.SiteKind || h.queue[0].Key != "2" || h.queue[1].Kind != retention.PlanKind || h.queue[1].In != time.Hour {
		t.Errorf("added was %+v", h.queue)
	}
	for _, j := range h.queue {
		if err := j.Check(); err != nil {
			t.Error(err)
		}
	}
	for _, key := range []string{"1", "3"} { // one that keeps all, one that is gone
		if err := rounds.Run(t.Context(), jobs.Job{Key: key}); err != nil || len(h.entries) != 0 {
			t.Errorf("site %s: %v, %d entries", key, err, len(h.entries))
		}
	}
}
