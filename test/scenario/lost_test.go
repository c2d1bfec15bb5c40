//go:build linux

package scenario

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/faults"
	"github.com/kefu-chat/kefu/test/checker"
)

// lost names what the test build loses: every delivery after a commit, and every notice.
const lost = "deliveries"

// variable is faults.Variable of the program with the tag; this test has none.
const variable = "KEFU_FAULTS"

// newFaulty prepares a server of the program whose guards can be switched off.
func newFaulty(t *testing.T, guards string) *server {
	t.Helper()
	program, err := rig.faulty()
	if err != nil {
		t.Fatal(err)
	}
	s := prepare(t, program, filepath.Join(t.TempDir(), "data"), loose...)
	s.env = []string{variable + "=" + guards}
	return s
}

// Every delivery and every notice is lost: events, lists, counts and marks are
// still right within 5 s, and whoever is revoked is out.
func TestEverythingLostOnTheWay(t *testing.T) {
	t.Parallel()
	s := newFaulty(t, lost)
	s.start()
	v := s.visitor("visitor", client.NewSecret(), client.Observer{}, func(cfg *client.Config) { cfg.Marks = true })
	first := say(t, v.Send("Hello")).AckedIn
	lists := client.NewLists(s.in.agents[0].id)
	a := s.agent(s.in.agents[0], client.Observer{List: lists.List, Rows: lists.Rows}, func(cfg *client.Config) { cfg.Marks = true })
	others := client.NewLists(s.in.agents[1].id)
	b := s.agent(s.in.agents[1], client.Observer{List: others.List, Rows: others.Rows}, nil)
	for _, view := range []chat.View{chat.ViewWaiting, chat.ViewMine, chat.ViewOpen} {
		a.Watch(view)
		b.Watch(view)
	}
	c := a.Open(first, true)
	eventually(t, behind(c, 2))

	say(t, v.Send("Is anybody there?"))
	soon(t, "the visitor's second message", behind(c, 3))
	soon(t, "its row", func() string {
		rows, _, _ := others.View(chat.ViewWaiting)
		if row := rows[first]; row.V < 3 || row.Unread != 2 || row.Last == nil || row.Last.Text != "Is anybody there?" {
			return fmt.Sprintf("the row is %+v", row)
		}
		return ""
	})
	reply := say(t, a.Send(first, "I am."))
	soon(t, "the reply", behind(v.Conversation(), reply.Ack.N))
	for _, l := range []*client.Lists{lists, others} {
		soon(t, "the lists after the reply", func() string {
			waiting, counts, _ := l.View(chat.ViewWaiting)
			open, _, _ := l.View(chat.ViewOpen)
			if len(waiting) != 0 || counts.Waiting != 0 || counts.Open != 1 || open[first].Round.Agent == nil || open[first].Unread != 0 {
				return fmt.Sprintf("%d wait, counts %+v, row %+v", len(waiting), counts, open[first])
			}
			return ""
		})
	}
	soon(t, "the count of my own", func() string {
		if mine, counts, _ := lists.View(chat.ViewMine); len(mine) != 1 || counts.Mine != 1 {
			return fmt.Sprintf("%d are mine, counts %+v", len(mine), counts)
		}
		return ""
	})
	soon(t, "both sides' marks", func() string {
		_, byVisitor, _ := c.Marks()
		_, byAgents, unread := v.Conversation().Marks()
		if byVisitor.Read < reply.Ack.N || byAgents.Read < 3 || unread != 0 {
			return fmt.Sprintf("the visitor has read to %d of %d, agents to %d, %d unread", byVisitor.Read, reply.Ack.N, byAgents.Read, unread)
		}
		return ""
	})
	another := s.visitor("another visitor", client.NewSecret(), client.Observer{}, nil)
	second := say(t, another.Send("Me too"))
	soon(t, "a new conversation's row", func() string {
		rows, counts, _ := others.View(chat.ViewWaiting)
		if _, ok := rows[second.AckedIn]; !ok || counts.Waiting != 1 || counts.Open != 2 {
			return fmt.Sprintf("%d rows wait, counts %+v", len(rows), counts)
		}
		return ""
	})
	revoke(t, s, s.in.agents[2])
	for _, session := range []*client.Session{v.Session, a.Session, b.Session, another.Session} {
		session.Close()
	}
	s.stop()
	s.mustHold(checker.Expect{Settled: true, CaughtUp: true})
}

// soon waits until missing says nothing, at most the 5 s that are promised and some slack.
func soon(t *testing.T, what string, missing func() string) {
	t.Helper()
	begun := time.Now()
	if why := within(5*time.Second+slack, missing); why != "" {
		t.Errorf("%s: after %s still: %s", what, time.Since(begun).Round(time.Millisecond), why)
		return
	}
	t.Logf("%s: after %s", what, time.Since(begun).Round(time.Millisecond))
}

func TestTheProgramOfThisTestHasAllGuards(t *testing.T) {
	if faults.Off(lost) || faults.Variable != "" {
		t.Error("the scenarios must be built without the tag faults")
	}
}
