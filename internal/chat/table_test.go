package chat_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// The table of rounds × commands × actors. A cell says which events follow and
// where the round is then (w waiting, a1 with Ada, a2 with Ben, …, r resolved,
// n none), or !code for a refusal; "=" is: nothing happens.

const columns = "visitor ada ben supervisor admin stranger"

func actors() map[string]chat.Actor {
	return map[string]chat.Actor{
		"visitor": visitor, "ada": ada, "ben": ben, "supervisor": supervisor, "admin": admin, "stranger": stranger,
	}
}

// states are the rows of the design's table, each built from a new thread.
func states() map[string]func(testing.TB) *thread {
	assigned := func(t testing.TB) *thread {
		th := newThread()
		th.world.set(ada, true, false)
		th.says(t, visitor, "hello")
		th.must(t, chat.Take(ada))
		return th
	}
	resolved := func(t testing.TB) *thread {
		th := assigned(t)
		th.must(t, chat.Resolve(ada))
		return th
	}
	return map[string]func(testing.TB) *thread{
		"none": func(testing.TB) *thread { return newThread() },
		"waiting": func(t testing.TB) *thread {
			th := newThread()
			th.says(t, visitor, "hello")
			return th
		},
		"assigned": assigned,
		"assigned, answered": func(t testing.TB) *thread {
			th := assigned(t)
			th.says(t, ada, "hello")
			return th
		},
		"assigned, agent absent, unanswered": func(t testing.TB) *thread {
			th := assigned(t)
			th.world.set(ada, false, true)
			return th
		},
		"assigned, agent absent, answered": func(t testing.TB) *thread {
			th := assigned(t)
			th.says(t, ada, "hello")
			th.world.set(ada, false, true)
			return th
		},
		"assigned, agent offline for a moment": func(t testing.TB) *thread {
			th := assigned(t)
			th.world.set(ada, false, false)
			return th
		},
		"resolved 10 minutes ago, agent here": func(t testing.TB) *thread {
			th := resolved(t)
			th.world.pass(10 * time.Minute)
			return th
		},
		"resolved 10 minutes ago, agent offline": func(t testing.TB) *thread {
			th := resolved(t)
			th.world.set(ada, false, false)
			th.world.pass(10 * time.Minute)
			return th
		},
		"resolved while it waited, just now": func(t testing.TB) *thread {
			th := newThread()
			th.says(t, visitor, "hello")
			th.must(t, chat.Resolve(ben))
			return th
		},
		"resolved more than 10 minutes ago": func(t testing.TB) *thread {
			th := resolved(t)
			th.world.pass(10*time.Minute + time.Millisecond)
			return th
		},
	}
}

func commands(th *thread, by chat.Actor) map[string]chat.Decide {
	return map[string]chat.Decide{
		"send":     chat.SendMessage(by, "text", th.world),
		"note":     chat.AddNote(by, "text"),
		"take":     chat.Take(by),
		"to ben":   chat.Assign(by, ben.Agent(), ben.Name, true),
		"to ada":   chat.Assign(by, ada.Agent(), ada.Name, true),
		"to nora":  chat.Assign(by, stranger.Agent(), "", false),
		"release":  chat.Release(by),
		"resolve":  chat.Resolve(by),
		"absence":  chat.ReturnAbsent(ada.Agent(), th.world),
		"absence2": chat.ReturnAbsent(ben.Agent(), th.world),
	}
}

const closedRound = `
take      !not_allowed     !no_open_round   !no_open_round   !no_open_round   !no_open_round   !not_allowed
to ben    !not_allowed     !no_open_round   !no_open_round   !no_open_round   !no_open_round   !not_allowed
to ada    !not_allowed     !no_open_round   !no_open_round   !no_open_round   !no_open_round   !not_allowed
to nora   !not_allowed     !no_open_round   !no_open_round   !no_open_round   !no_open_round   !not_allowed
release   !not_allowed     !no_open_round   !no_open_round   !no_open_round   !no_open_round   !not_allowed
resolve   !not_allowed     !no_open_round   !no_open_round   !no_open_round   !no_open_round   !not_allowed
absence   =                =                =                =                =                =
absence2  =                =                =                =                =                =
`

const withAda = `
note      !not_allowed     note:a1          note:a1          note:a1          note:a1          !not_allowed
take      !not_allowed     =                !not_yours       !not_yours       !not_yours       !not_allowed
to ben    !not_allowed     assigned:a2      !not_yours       assigned:a2      assigned:a2      !not_allowed
to ada    !not_allowed     =                !not_yours       =                =                !not_allowed
to nora   !not_allowed     !not_a_member    !not_yours       !not_a_member    !not_a_member    !not_allowed
release   !not_allowed     released:w       !not_yours       released:w       released:w       !not_allowed
resolve   !not_allowed     resolved:r1      !not_yours       resolved:r1      resolved:r1      !not_allowed
absence2  =                =                =                =                =                =
`

func table() map[string]string {
	replies := `
send      message:a1       message:a1       !not_yours       message:a1       message:a1       !not_allowed`
	returns := `
send      returned+message:w  message:a1    !not_yours       message:a1       message:a1       !not_allowed`
	stays := "\nabsence   = = = = = ="
	leaves := "\nabsence   returned:w returned:w returned:w returned:w returned:w returned:w"
	return map[string]string{
		"none": closedRound + `
send      opened+message:w message:n        message:n        message:n        message:n        !not_allowed
note      !not_allowed     note:n           note:n           note:n           note:n           !not_allowed`,
		"waiting": `
send      message:w        assigned+message:a1 assigned+message:a2 assigned+message:a3 assigned+message:a4 !not_allowed
note      !not_allowed     note:w           note:w           note:w           note:w           !not_allowed
take      !not_allowed     assigned:a1      assigned:a2      assigned:a3      assigned:a4      !not_allowed
to ben    !not_allowed     !not_allowed     !not_allowed     assigned:a2      assigned:a2      !not_allowed
to ada    !not_allowed     !not_allowed     !not_allowed     assigned:a1      assigned:a1      !not_allowed
to nora   !not_allowed     !not_allowed     !not_allowed     !not_a_member    !not_a_member    !not_allowed
release   !not_allowed     !conflict        !conflict        !conflict        !conflict        !not_allowed
resolve   !not_allowed     resolved:r       resolved:r       resolved:r       resolved:r       !not_allowed
absence   =                =                =                =                =                =
absence2  =                =                =                =                =                =`,
		"assigned":                             withAda + replies + stays,
		"assigned, answered":                   withAda + replies + stays,
		"assigned, agent offline for a moment": withAda + replies + stays,
		"assigned, agent absent, unanswered":   withAda + returns + leaves,
		"assigned, agent absent, answered":     withAda + returns + stays,
		"resolved 10 minutes ago, agent here": closedRound + `
send      reopened+message:a1 message:r1    message:r1       message:r1       message:r1       !not_allowed
note      !not_allowed     note:r1          note:r1          note:r1          note:r1          !not_allowed`,
		"resolved 10 minutes ago, agent offline": closedRound + `
send      reopened+message:w message:r1     message:r1       message:r1       message:r1       !not_allowed
note      !not_allowed     note:r1          note:r1          note:r1          note:r1          !not_allowed`,
		"resolved while it waited, just now": closedRound + `
send      reopened+message:w message:r      message:r        message:r        message:r        !not_allowed
note      !not_allowed     note:r           note:r           note:r           note:r           !not_allowed`,
		"resolved more than 10 minutes ago": closedRound + `
send      opened+message:w message:r1       message:r1       message:r1       message:r1       !not_allowed
note      !not_allowed     note:r1          note:r1          note:r1          note:r1          !not_allowed`,
	}
}

func TestTableOfRounds(t *testing.T) {
	rows := table()
	for state, build := range states() {
		cells := parseCells(t, rows[state])
		for command := range commands(newThread(), visitor) {
			for name, by := range actors() {
				t.Run(fmt.Sprintf("%s/%s/%s", state, command, name), func(t *testing.T) {
					th := build(t)
					want, known := cells[command+"/"+name]
					if !known {
						t.Fatal("the table has no such cell")
					}
					checkCell(t, th, commands(th, by)[command], want)
				})
			}
		}
	}
}

func parseCells(t *testing.T, text string) map[string]string {
	t.Helper()
	cells := map[string]string{}
	names := strings.Fields(columns)
	for line := range strings.SplitSeq(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		at := len(words) - len(names)
		if at < 1 {
			t.Fatalf("%q has not %d cells", line, len(names))
		}
		for i, name := range names {
			cells[strings.Join(words[:at], " ")+"/"+name] = words[at+i]
		}
	}
	return cells
}

func checkCell(t *testing.T, th *thread, rule chat.Decide, want string) {
	t.Helper()
	before := th.state
	events, err := th.apply(rule)
	var refusal *chat.Refusal
	if errors.As(err, &refusal) {
		if got := "!" + string(refusal.Code); got != want {
			t.Fatalf("got %s (%s), want %s", got, refusal.Reason, want)
		}
		if refusal.Round != before.Round || refusal.Reason == "" {
			t.Errorf("the refusal says the round is %+v: want the present one, %+v, and a reason", refusal.Round, before.Round)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := outcome(events, th.state.Round); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(events) == 0 && th.state != before {
		t.Errorf("nothing was appended, yet the state became %+v", th.state)
	}
}

func outcome(events []chat.Event, round chat.Round) string {
	if len(events) == 0 {
		return "="
	}
	kinds := make([]string, len(events))
	for i, e := range events {
		kinds[i] = string(e.Kind)
	}
	place := string(round.State)[:1]
	if round.Assignee != 0 {
		place += fmt.Sprint(round.Assignee)
	}
	return strings.Join(kinds, "+") + ":" + place
}
