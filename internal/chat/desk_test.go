package chat_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
)

// memory is a store of one thread, which takes changes as a real one does; it
// keeps what it was asked.
type memory struct {
	chat.Store // what the desk does not call
	*thread
	changes []*chat.Change
	marks   []*chat.MarkChange
}

func (m *memory) Change(c *chat.Change) {
	m.changes = append(m.changes, c)
	events, err := m.apply(c.Decide)
	changed := chat.Changed{State: m.state, Events: events, Answer: len(events) - 1}
	c.Done(changed, err)
}

func (m *memory) Mark(c *chat.MarkChange) { m.marks = append(m.marks, c) }

type members map[chat.AgentID]string

func (m members) Member(s chat.SiteID, agent chat.AgentID) (string, bool) {
	name, ok := m[agent]
	return name, ok && s == site
}

func newDesk() (*chat.Desk, *memory) {
	m := &memory{thread: newThread()}
	return chat.NewDesk(m, m.world, members{ada.Agent(): "Ada", ben.Agent(): "Ben"}, 10), m
}

// outcomeOf collects the one answer of a command.
type outcomeOf struct {
	calls   int
	changed chat.Changed
	err     error
}

func (o *outcomeOf) done(c chat.Changed, err error) { o.calls++; o.changed, o.err = c, err }

func TestTheDeskHandsEachCommandToTheStore(t *testing.T) {
	desk, m := newDesk()
	begin := &chat.Beginning{Site: site, SecretHash: bytes.Repeat([]byte{1}, 32)}
	prints := map[string]string{}
	for _, step := range []struct {
		name string
		by   chat.Actor
		ask  func(chat.Command, chat.Done)
		want chat.Kind
	}{
		{"send", visitor, func(c chat.Command, d chat.Done) { desk.Send(c, "hi", d) }, chat.Message},
		{"send another", visitor, func(c chat.Command, d chat.Done) { desk.Send(c, "ho", d) }, chat.Message},
		{"take", ada, desk.Take, chat.AssignedTo},
		{"note", ada, func(c chat.Command, d chat.Done) { desk.Note(c, "hi", d) }, chat.Note},
		{"edit", ada, func(c chat.Command, d chat.Done) { desk.Edit(c, 5, "hi", d) }, chat.Edit},
		{"recall", ada, func(c chat.Command, d chat.Done) { desk.Recall(c, 5, d) }, chat.Recall},
		{"assign", ada, func(c chat.Command, d chat.Done) { desk.Assign(c, site, ben.Agent(), d) }, chat.AssignedTo},
		{"release", ben, desk.Release, chat.Released},
		{"resolve", ben, desk.Resolve, chat.Resolution},
	} {
		t.Run(step.name, func(t *testing.T) {
			c := chat.Command{By: step.by, ClientID: newClientID(), Conversation: 11, Begin: begin}
			var o outcomeOf
			step.ask(c, o.done)
			if o.calls != 1 || o.err != nil || len(o.changed.Events) == 0 || o.changed.Events[o.changed.Answer].Kind != step.want {
				t.Fatalf("%d answers: %+v, %v; want one with %s", o.calls, o.changed, o.err, step.want)
			}
			asked := m.changes[len(m.changes)-1]
			if asked.By != c.By || asked.ClientID != c.ClientID || asked.Conversation != 11 || asked.Begin != begin {
				t.Errorf("the store was asked %+v", asked)
			}
			if other, twice := prints[string(asked.Fingerprint)]; twice {
				t.Errorf("has the fingerprint of %s", other)
			}
			prints[string(asked.Fingerprint)] = step.name
		})
	}
}

func TestFingerprintsTellCommandsApart(t *testing.T) {
	desk, m := newDesk()
	seen := map[string]bool{}
	ignore := func(chat.Changed, error) {}
	c := chat.Command{By: ada, ClientID: newClientID(), Conversation: 11}
	asks := []func(){
		func() { desk.Send(c, "1\nx", ignore) }, func() { desk.Send(c, "x", ignore) }, func() { desk.Note(c, "x", ignore) },
		func() { desk.Edit(c, 1, "1\nx", ignore) }, func() { desk.Edit(c, 1, "x", ignore) }, func() { desk.Edit(c, 11, "x", ignore) },
		func() { desk.Recall(c, 1, ignore) }, func() { desk.Recall(c, 11, ignore) },
		func() { desk.Assign(c, site, 1, ignore) }, func() { desk.Assign(c, site, 2, ignore) },
		func() { desk.Take(c, ignore) }, func() { desk.Release(c, ignore) }, func() { desk.Resolve(c, ignore) },
	}
	for _, ask := range asks {
		ask()
		seen[string(m.changes[len(m.changes)-1].Fingerprint)] = true
	}
	if len(seen) != len(asks) {
		t.Errorf("%d commands have %d fingerprints", len(asks), len(seen))
	}
	asks[0]()
	if len(seen) != len(asks) || !seen[string(m.changes[len(m.changes)-1].Fingerprint)] {
		t.Error("the same command has another fingerprint the second time")
	}
}

func TestABadTextNeverReachesTheStore(t *testing.T) {
	desk, m := newDesk()
	c := chat.Command{By: visitor, ClientID: newClientID(), Conversation: 11}
	for text, want := range map[string]chat.Code{
		"\xff": chat.BadText, "a\x00": chat.BadText, " \u200b": chat.BlankText, "12345678901": chat.TextTooLong,
	} {
		for name, ask := range map[string]func(chat.Done){
			"send": func(d chat.Done) { desk.Send(c, text, d) },
			"note": func(d chat.Done) { desk.Note(c, text, d) },
			"edit": func(d chat.Done) { desk.Edit(c, 1, text, d) },
		} {
			if name == "edit" && want == chat.BlankText { // beside files it is allowed: the rule looks
				continue
			}
			var o outcomeOf
			ask(o.done)
			if o.calls != 1 || chat.CodeOf(o.err) != want || o.changed.Answer != -1 || len(m.changes) != 0 {
				t.Errorf("%s %q: %d answers, %v; want one %s, and nothing in the store", name, text, o.calls, o.err, want)
			}
		}
	}
}

func TestAssignAsksWhoWorksOnTheSite(t *testing.T) {
	desk, m := newDesk()
	m.says(t, visitor, "hi")
	for _, tc := range []struct {
		site chat.SiteID
		to   chat.AgentID
		want chat.Code
	}{{site, stranger.Agent(), chat.NotMember}, {site + 1, ben.Agent(), chat.NotMember}, {site, 0, chat.NotMember}, {site, ben.Agent(), ""}} {
		var o outcomeOf
		desk.Assign(chat.Command{By: supervisor, ClientID: newClientID(), Conversation: 11}, tc.site, tc.to, o.done)
		if (tc.want == "") != (o.err == nil) || o.err != nil && chat.CodeOf(o.err) != tc.want {
			t.Errorf("to %d of site %d: %v, want %q", tc.to, tc.site, o.err, tc.want)
		}
	}
	change, err := m.events[len(m.events)-1].Body.RoundChange()
	if err != nil || change.AgentName != "Ben" {
		t.Errorf("assigned to %+v, %v: want Ben by name", change, err)
	}
}

func TestTheSweepIsTheSystemsAndNeverARepeat(t *testing.T) {
	desk, m := newDesk()
	m.says(t, visitor, "hi")
	m.must(t, chat.Take(ada))
	m.world.set(ada, false, true)
	for _, want := range []int{1, 0} {
		var o outcomeOf
		desk.ReturnAbsent(11, ada.Agent(), o.done)
		asked := m.changes[len(m.changes)-1]
		if o.err != nil || len(o.changed.Events) != want || asked.By.Kind != chat.SystemActor || !asked.ClientID.IsNil() {
			t.Errorf("%d events, %v, by %+v with %s; want %d by the system", len(o.changed.Events), o.err, asked.By, asked.ClientID, want)
		}
	}
}

func TestMarksGoToTheStoreAsTheyAre(t *testing.T) {
	desk, m := newDesk()
	want := &chat.MarkChange{Conversation: 11, Who: visitor.Ref(), Received: 3, Read: 2, Public: true}
	desk.Mark(want)
	if len(m.marks) != 1 || m.marks[0] != want {
		t.Errorf("the store got %+v", m.marks)
	}
}

func TestCodeOf(t *testing.T) {
	wrapped := errors.Join(errors.New("while sending"), chat.Refuse(chat.Busy, "full"))
	if code := chat.CodeOf(wrapped); code != chat.Busy {
		t.Errorf("a wrapped refusal is %s", code)
	}
	if code := chat.CodeOf(errors.New("disk I/O error")); code != chat.Unknown {
		t.Errorf("an error of the engine is %s: want the client to repeat it", code)
	}
}

func TestTheDeskNamesWhoHasAndHadTheRound(t *testing.T) {
	desk, m := newDesk()
	m.world.here[ben.Agent()] = true
	command := func(by chat.Actor) chat.Command {
		return chat.Command{By: by, ClientID: uuid.Must(uuid.NewV7()), Conversation: 11}
	}
	for _, step := range []struct {
		what        string
		ask         func(chat.Done)
		agent, from string
	}{
		{"opened", func(d chat.Done) { desk.Send(command(visitor), "hi", d) }, "", ""},
		{"taken", func(d chat.Done) { desk.Take(command(ada), d) }, "Ada", ""},
		{"handed over", func(d chat.Done) { desk.Assign(command(ada), site, ben.Agent(), d) }, "Ben", "Ada"},
		{"resolved", func(d chat.Done) { desk.Resolve(command(ben), d) }, "", "Ben"},
		{"reopened", func(d chat.Done) { desk.Send(command(visitor), "ho", d) }, "Ben", ""},
	} {
		var o outcomeOf
		step.ask(o.done)
		if o.err != nil || len(o.changed.Events) == 0 {
			t.Fatalf("%s: %v", step.what, o.err)
		}
		change, err := o.changed.Events[0].Body.RoundChange()
		if err != nil || change.AgentName != step.agent || change.FromName != step.from {
			t.Errorf("%s: now %q, before %q; want %q and %q (%v)", step.what, change.AgentName, change.FromName, step.agent, step.from, err)
		}
	}
}
