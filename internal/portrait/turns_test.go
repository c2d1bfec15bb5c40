package portrait

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/outbound"
)

func TestTurns(t *testing.T) {
	now := time.Now()
	slow, good, theirs := server{1, "slow"}, server{1, "good"}, server{2, "slow"}
	turns := newTurns()
	begin := func(s server, wait time.Duration, want error) {
		t.Helper()
		if got, err := turns.begin(s, now); got != wait || !errors.Is(err, want) {
			t.Errorf("%v: wait for %s, %v; want %s, %v", s, got, err, wait, want)
		}
	}
	begin(slow, 0, nil)
	begin(slow, 0, nil)
	begin(slow, pace, nil)
	begin(good, 2*pace, nil)
	begin(theirs, 0, nil)
	now = now.Add(10 * time.Second)
	turns.end(slow, now, true)
	begin(slow, 0, errLeftAlone)
	begin(good, 0, nil)
	turns.end(good, now, false)
	turns.end(theirs, now, false)
	begin(theirs, 0, nil)
	turns.end(slow, now, true)

	now = now.Add(leftAlone)
	begin(slow, 0, nil)
	begin(slow, 0, errLeftAlone) // one is enough to see whether it answers
	turns.end(slow, now, true)
	begin(slow, 0, errLeftAlone)
	now = now.Add(leftAlone)
	begin(slow, 0, nil)
	turns.end(slow, now, false)
	begin(slow, 0, nil)
	begin(slow, 0, nil)
	for range 3 * putOffMost / pace {
		_, _ = turns.begin(slow, now)
	}
	begin(slow, putOffMost, nil)
	turns.end(slow, now, false)
	turns.end(slow, now, false)
	turns.end(theirs, now, true)
	now = now.Add(leftAlone + 2*putOffMost)
	begin(good, 0, nil)
	turns.end(good, now, false)
	if len(turns.lines) != 0 || len(turns.silent) != 0 {
		t.Errorf("kept are %v and %v", turns.lines, turns.silent)
	}
}

// unwell is a world in which no server answers.
type unwell struct {
	Store
	Drawer
}

func (unwell) WantedPortrait(context.Context, chat.VisitorID) (Wanted, error) {
	return Wanted{Site: 1, Address: "https://a.example"}, nil
}

func (unwell) Do(context.Context, outbound.Request) (outbound.Answer, error) {
	return outbound.Answer{}, errors.New("no")
}

// lastJob is a queue that keeps one.
type lastJob struct {
	jobs.Queue
	jobs.Job
}

func (l *lastJob) Add(_ context.Context, j jobs.Job) error {
	l.Job = j
	return nil
}

// Who has no turn has not tried, and the tries before are not forgotten.
func TestPutOffIsNoTry(t *testing.T) {
	u, queue := unwell{}, &lastJob{}
	f := New(u, u, u, nil, queue, slog.New(slog.DiscardHandler))
	j := Job(5)
	run := func(attempt int, failed bool) {
		t.Helper()
		j.Attempts = attempt
		if err := f.Run(t.Context(), j); (err != nil) != failed {
			t.Errorf("run %d: %v", attempt, err)
		}
	}
	busy := server{1, "a.example"}
	for _, one := range []struct {
		attempt int
		want    string
	}{{4, `{"tries":3}`}, {3, `{"tries":5}`}} {
		for range turnsOfSite {
			if wait, err := f.turns.begin(busy, time.Now()); wait > 0 || err != nil {
				t.Fatal(wait, err)
			}
		}
		run(one.attempt, false)
		if j = queue.Job; string(j.Payload) != one.want || j.In < pace/2 || j.Key != "5" {
			t.Errorf("put off is %+v, %s: want %s", j, j.Payload, one.want)
		}
		for range turnsOfSite {
			f.turns.end(busy, time.Now(), false)
		}
	}
	run(4, true)
	run(5, false) // the tenth
}
